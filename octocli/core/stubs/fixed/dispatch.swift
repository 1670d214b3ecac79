// The Swift stub of an API without functions: swift.py exchanges what stands between the marks.
// octo: end header
import Foundation

// octo: begin api
/// What your app does for each function.
public protocol NothingHandlers {}

/// The calls of the app nothing.
public enum NothingCalls {
    public typealias Handlers = NothingHandlers

    /// Functions that run only when `confirm` said true.
    public static let needsConfirmation: Set<String> = []
}
// octo: end api

// octo: begin extension
extension NothingCalls {
    // octo: end extension
    /// Asks the user: takes a function's name and arguments, and only true lets the call run.
    public typealias Confirm = (_ name: String, _ given: [String: Any]) -> Bool

    /// A call that must not run: which function, which argument ("" for the call as a whole), and why.
    public struct CallError: Error, CustomStringConvertible {
        public let function: String
        public let argument: String
        public let reason: String

        public var description: String {
            return [function, argument, reason].filter { !$0.isEmpty }.joined(separator: ": ")
        }
    }

    /// A call that lacks what the user did not say; ask back, then ask the model again.
    public struct IncompleteCall: Error, CustomStringConvertible {
        public let function: String
        /// Required parameters that the user did not give.
        public let missing: [String]
        /// The user's words, by parameter, that no value could be made of.
        public let unresolved: [String: String]

        public var description: String {
            let asked = (missing + unresolved.keys.sorted()).joined(separator: ", ")
            return "\(function): the user has to be asked for \(asked)"
        }
    }

    /// A call that runs only after the user said yes.
    public struct NeedsConfirmation: Error, CustomStringConvertible {
        public let function: String

        public var description: String {
            return "\(function): needs to be confirmed first"
        }
    }

    /// Checks one call and hands it to its handler; gives what the handler gives.
    ///
    /// Throws `CallError`, `IncompleteCall` or `NeedsConfirmation`; then no handler was called.
    @discardableResult
    public static func dispatch(
        _ call: [String: Any], handlers: Handlers, confirm: Confirm? = nil
    ) throws -> Any? {
        let checked = try checkedCall(call)
        try ask(checked, confirm)
        return try checked.rules.run(handlers, checked.given)
    }

    /// Runs the calls of a whole answer of octo, an object with `calls`.
    ///
    /// All calls are checked first, then confirmed, then run in order. No calls means: none of these functions.
    /// Gives what each handler gives, and throws what `dispatch` throws.
    @discardableResult
    public static func dispatchAll(
        _ answer: [String: Any], handlers: Handlers, confirm: Confirm? = nil
    ) throws -> [Any?] {
        guard let calls = answer["calls"] as? [Any] else {
            throw CallError(function: "", argument: "", reason: "the answer has no list of calls")
        }
        if answer["error"] != nil || (answer["unfinished"] as? Bool) == true {
            throw CallError(function: "", argument: "", reason: "the model gave no whole answer")
        }
        let every: [Checked] = try calls.map { call in try checkedCall(call) }
        for checked in every {
            try ask(checked, confirm)
        }
        return try every.map { checked in try checked.rules.run(handlers, checked.given) }
    }

    fileprivate static func checkedCall(_ call: Any) throws -> Checked {
        guard let call = call as? [String: Any], let name = call["name"] as? String else {
            throw CallError(function: "", argument: "", reason: "a call is an object with a name and arguments")
        }
        guard let rules = rulesOf(name) else {
            throw CallError(function: name, argument: "", reason: "there is no such function")
        }
        let said = try record(call, "arguments", name)
        let unresolved = try record(call, "unresolved", name)
        guard let missing = (call["missing"] ?? [String]()) as? [String] else {
            throw CallError(function: name, argument: "", reason: "missing is no list of names")
        }
        for argument in said.keys.sorted() + missing + unresolved.keys.sorted() where rules.rules[argument] == nil {
            throw CallError(function: name, argument: argument, reason: "there is no such parameter")
        }
        for argument in said.keys.sorted() {
            try check(name, rules, argument, said[argument] ?? NSNull())
        }
        if !missing.isEmpty || !unresolved.isEmpty {
            let words = unresolved.mapValues { value in "\(value)" }
            throw IncompleteCall(function: name, missing: missing, unresolved: words)
        }
        for argument in rules.required where said[argument] == nil {
            throw CallError(function: name, argument: argument, reason: "is required")
        }
        return Checked(name: name, rules: rules, given: said)
    }

    /// An object inside a call; empty where it is left out.
    fileprivate static func record(_ call: [String: Any], _ key: String, _ name: String) throws -> [String: Any] {
        guard let found = (call[key] ?? [String: Any]()) as? [String: Any] else {
            throw CallError(function: name, argument: "", reason: "\(key) is no object")
        }
        return found
    }

    fileprivate static func check(_ name: String, _ rules: FunctionRules, _ argument: String, _ value: Any) throws {
        if let names = rules.nested[argument], isCall(value, names) {
            let reason = "is a nested call; this code runs flat calls only"
            throw CallError(function: name, argument: argument, reason: reason)
        }
        if let rule = rules.rules[argument], let fault = faultOf(value, rule) {
            throw CallError(function: name, argument: argument, reason: fault)
        }
    }

    fileprivate static func ask(_ checked: Checked, _ confirm: Confirm?) throws {
        guard needsConfirmation.contains(checked.name) else {
            return
        }
        if let confirm = confirm, confirm(checked.name, checked.given) {
            return
        }
        throw NeedsConfirmation(function: checked.name)
    }

    /// A value that its rule let pass and its type does not hold; it does not come to that.
    fileprivate static func unreadable() -> CallError {
        return CallError(function: "", argument: "", reason: "a value is not what its rule says")
    }

    fileprivate static func text(_ value: Any?) throws -> String {
        guard let text = value as? String else {
            throw unreadable()
        }
        return text
    }

    fileprivate static func whole(_ value: Any?) throws -> Int {
        guard let value = value, let number = numberOf(value), let whole = Int(exactly: number) else {
            throw unreadable()
        }
        return whole
    }

    fileprivate static func real(_ value: Any?) throws -> Double {
        guard let value = value, let number = numberOf(value) else {
            throw unreadable()
        }
        return number.doubleValue
    }

    fileprivate static func flag(_ value: Any?) throws -> Bool {
        guard let flag = value as? Bool else {
            throw unreadable()
        }
        return flag
    }

    fileprivate static func table(_ value: Any?) throws -> [String: Any] {
        guard let table = value as? [String: Any] else {
            throw unreadable()
        }
        return table
    }

    fileprivate static func list<Read>(_ value: Any?, _ read: (Any?) throws -> Read) throws -> [Read] {
        guard let items = value as? [Any] else {
            throw unreadable()
        }
        return try items.map { item in try read(item) }
    }

    fileprivate static func optional<Read>(_ value: Any?, _ read: (Any?) throws -> Read) throws -> Read? {
        guard let value = value, !(value is NSNull) else {
            return nil
        }
        return try read(value)
    }

    fileprivate static func choice<Chosen: RawRepresentable>(
        _ type: Chosen.Type, _ raw: Chosen.RawValue
    ) throws -> Chosen {
        guard let chosen = type.init(rawValue: raw) else {
            throw unreadable()
        }
        return chosen
    }
}

/// JSON Schema in one form.
private final class Rule {
    let types: [String]?
    let choices: [Any]?
    let minimum: Double?
    let maximum: Double?
    let exclusiveMinimum: Double?
    let exclusiveMaximum: Double?
    let multipleOf: Double?
    let minLength: Int?
    let maxLength: Int?
    let pattern: String?
    let minItems: Int?
    let maxItems: Int?
    let uniqueItems: Bool
    let items: Rule?
    let properties: [String: Rule]
    let required: [String]
    let closed: Bool
    let others: Rule?
    let anyOf: [Rule]?
    let oneOf: [Rule]?
    let allOf: [Rule]

    init(
        types: [String]? = nil, choices: [Any]? = nil, minimum: Double? = nil, maximum: Double? = nil,
        exclusiveMinimum: Double? = nil, exclusiveMaximum: Double? = nil, multipleOf: Double? = nil,
        minLength: Int? = nil, maxLength: Int? = nil, pattern: String? = nil, minItems: Int? = nil,
        maxItems: Int? = nil, uniqueItems: Bool = false, items: Rule? = nil, properties: [String: Rule] = [:],
        required: [String] = [], closed: Bool = false, others: Rule? = nil, anyOf: [Rule]? = nil,
        oneOf: [Rule]? = nil, allOf: [Rule] = []
    ) {
        self.types = types
        self.choices = choices
        self.minimum = minimum
        self.maximum = maximum
        self.exclusiveMinimum = exclusiveMinimum
        self.exclusiveMaximum = exclusiveMaximum
        self.multipleOf = multipleOf
        self.minLength = minLength
        self.maxLength = maxLength
        self.pattern = pattern
        self.minItems = minItems
        self.maxItems = maxItems
        self.uniqueItems = uniqueItems
        self.items = items
        self.properties = properties
        self.required = required
        self.closed = closed
        self.others = others
        self.anyOf = anyOf
        self.oneOf = oneOf
        self.allOf = allOf
    }
}

/// Which calls octo may put in the place of a value.
private enum Nested {
    case any
    case calls([String])
}

// octo: begin rules
private typealias Run = (_ handlers: NothingHandlers, _ given: [String: Any]) throws -> Any?

private func rulesOf(_ name: String) -> FunctionRules? {
    return nil
}
// octo: end rules

/// What a call of a function may say: a rule by parameter; `nested` are parameters where octo may put a call.
private struct FunctionRules {
    let rules: [String: Rule]
    let required: [String]
    let nested: [String: Nested]
    let run: Run
}

private struct Checked {
    let name: String
    let rules: FunctionRules
    let given: [String: Any]
}

private func isCall(_ value: Any, _ nested: Nested) -> Bool {
    guard let value = value as? [String: Any], let name = value["name"] as? String else {
        return false
    }
    guard value.keys.allSatisfy({ key in ["name", "arguments", "missing", "unresolved"].contains(key) }) else {
        return false
    }
    switch nested {
    case .any:
        return value["arguments"] != nil
    case .calls(let names):
        return names.contains(name)
    }
}

/// A number as Foundation or Swift holds it; nil for anything else, true and false included.
private func numberOf(_ value: Any) -> NSNumber? {
    if isFlag(value) {
        return nil
    }
    if let number = value as? NSNumber {
        return number
    }
    if let whole = value as? Int {
        return NSNumber(value: whole)
    }
    return (value as? Double).map { real in NSNumber(value: real) }
}

private func isFlag(_ value: Any) -> Bool {
    if type(of: value) == Bool.self {
        return true
    }
    guard let number = value as? NSNumber else {
        return false
    }
    // Foundation keeps true and false as numbers of this type, and no number from JSON has it.
    return String(cString: number.objCType) == "c"
}

/// How a value breaks its rule; nil when it does not.
private func faultOf(_ value: Any, _ rule: Rule) -> String? {
    if let fault = typeFault(value, rule) {
        return fault
    }
    if let number = numberOf(value) {
        return numberFault(number.doubleValue, rule) ?? branchFault(value, rule)
    }
    if let text = value as? String {
        return textFault(text, rule) ?? branchFault(value, rule)
    }
    if let items = value as? [Any] {
        return listFault(items, rule) ?? branchFault(value, rule)
    }
    if let properties = value as? [String: Any] {
        return objectFault(properties, rule) ?? branchFault(value, rule)
    }
    return branchFault(value, rule)
}

private func typeFault(_ value: Any, _ rule: Rule) -> String? {
    if let types = rule.types, !types.contains(where: { kind in isOf(kind, value) }) {
        return "is not of type " + types.joined(separator: " or ")
    }
    if let choices = rule.choices, !choices.contains(where: { choice in same(value, choice) }) {
        return "is none of the allowed values"
    }
    return nil
}

private func isOf(_ kind: String, _ value: Any) -> Bool {
    switch kind {
    case "integer":
        guard let number = numberOf(value) else {
            return false
        }
        return Int(exactly: number) != nil
    case "number":
        return numberOf(value)?.doubleValue.isFinite ?? false
    case "string":
        return value is String
    case "boolean":
        return isFlag(value)
    case "array":
        return value is [Any]
    case "object":
        return value is [String: Any]
    default:
        return value is NSNull
    }
}

private func same(_ one: Any, _ other: Any) -> Bool {
    if one is NSNull || other is NSNull {
        return one is NSNull && other is NSNull
    }
    if isFlag(one) || isFlag(other) {
        return isFlag(one) && isFlag(other) && (one as? Bool) == (other as? Bool)
    }
    if let one = numberOf(one), let other = numberOf(other) {
        return one.doubleValue == other.doubleValue
    }
    // By their characters: Swift holds texts equal that are written with other characters.
    if let one = one as? String, let other = other as? String {
        return one.unicodeScalars.elementsEqual(other.unicodeScalars)
    }
    if let one = one as? [Any], let other = other as? [Any] {
        return one.count == other.count && zip(one, other).allSatisfy { a, b in same(a, b) }
    }
    if let one = one as? [String: Any], let other = other as? [String: Any] {
        return one.count == other.count && one.allSatisfy { key, value in other[key].map { same(value, $0) } ?? false }
    }
    return false
}

private func numberFault(_ number: Double, _ rule: Rule) -> String? {
    if let minimum = rule.minimum, number < minimum {
        return "is below its minimum"
    }
    if let maximum = rule.maximum, number > maximum {
        return "is above its maximum"
    }
    if let minimum = rule.exclusiveMinimum, number <= minimum {
        return "is not above its exclusive minimum"
    }
    if let maximum = rule.exclusiveMaximum, number >= maximum {
        return "is not below its exclusive maximum"
    }
    if let step = rule.multipleOf, !isMultiple(number, step) {
        return "is no multiple of its step"
    }
    return nil
}

private func isMultiple(_ number: Double, _ step: Double) -> Bool {
    if step.rounded() == step {
        return number.truncatingRemainder(dividingBy: step) == 0
    }
    let quotient = number / step
    return quotient.isFinite && quotient.rounded() == quotient
}

private func textFault(_ text: String, _ rule: Rule) -> String? {
    let length = text.unicodeScalars.count
    if let least = rule.minLength, length < least {
        return "is too short"
    }
    if let most = rule.maxLength, length > most {
        return "is too long"
    }
    guard let pattern = rule.pattern else {
        return nil
    }
    guard let expression = try? NSRegularExpression(pattern: pattern) else {
        return "has a pattern that cannot be read here"
    }
    let whole = NSRange(text.startIndex..<text.endIndex, in: text)
    return expression.firstMatch(in: text, range: whole) == nil ? "does not match its pattern" : nil
}

private func listFault(_ items: [Any], _ rule: Rule) -> String? {
    if let least = rule.minItems, items.count < least {
        return "has too few items"
    }
    if let most = rule.maxItems, items.count > most {
        return "has too many items"
    }
    for (index, item) in items.enumerated() {
        if rule.uniqueItems && items[..<index].contains(where: { earlier in same(earlier, item) }) {
            return "has an item twice"
        }
    }
    guard let inner = rule.items else {
        return nil
    }
    for (index, item) in items.enumerated() {
        if let fault = faultOf(item, inner) {
            return "[\(index)]: \(fault)"
        }
    }
    return nil
}

private func objectFault(_ properties: [String: Any], _ rule: Rule) -> String? {
    for name in rule.required where properties[name] == nil {
        return "lacks \(name)"
    }
    for name in properties.keys.sorted() {
        if let inner = rule.properties[name] ?? rule.others {
            if let fault = faultOf(properties[name] ?? NSNull(), inner) {
                return "\(name): \(fault)"
            }
        } else if rule.closed {
            return "\(name): there is no such property"
        }
    }
    return nil
}

private func branchFault(_ value: Any, _ rule: Rule) -> String? {
    if let branches = rule.anyOf, branches.allSatisfy({ branch in faultOf(value, branch) != nil }) {
        return "fits none of its alternatives"
    }
    if let branches = rule.oneOf, branches.filter({ branch in faultOf(value, branch) == nil }).count != 1 {
        return "does not fit exactly one of its alternatives"
    }
    for branch in rule.allOf {
        if let fault = faultOf(value, branch) {
            return fault
        }
    }
    return nil
}
