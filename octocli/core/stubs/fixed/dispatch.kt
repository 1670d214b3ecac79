// The Kotlin stub of an API without functions: kotlin.py exchanges what stands between the marks.
package octo.nothing
// octo: end header

/** Asks the user: takes a function's name and arguments, and only true lets the call run. */
typealias Confirm = (name: String, given: Map<String, Any?>) -> Boolean

// octo: begin api
/** Functions that run only when `confirm` said true. */
val NEEDS_CONFIRMATION: Set<String> = setOf()

/** What your app does for each function. */
interface Handlers
// octo: end api

/** A call that must not run: which function, which argument ("" for the call as a whole), and why. */
open class CallError(val function: String, val argument: String, val reason: String) :
    Exception(listOf(function, argument, reason).filter { it.isNotEmpty() }.joinToString(": "))

/** A call that lacks what the user did not say; ask back, then ask the model again. */
class IncompleteCall(function: String, val missing: List<String>, val unresolved: Map<String, Any?>) :
    CallError(
        function,
        (missing + unresolved.keys).first(),
        "the user has to be asked for " + (missing + unresolved.keys).joinToString(", "),
    )

/** A call that runs only after the user said yes. */
class NeedsConfirmation(function: String, val arguments: Map<String, Any?>) :
    CallError(function, "", "needs to be confirmed first")

/**
 * Checks one call and hands it to its handler; gives what the handler gives.
 *
 * Throws [CallError], [IncompleteCall] or [NeedsConfirmation]; then no handler was called.
 */
fun dispatch(call: Any?, handlers: Handlers, confirm: Confirm? = null): Any? {
    val checked = checkedCall(call)
    ask(checked, confirm)
    return checked.rules.run(handlers, checked.given)
}

/**
 * Runs the calls of a whole answer of octo, an object with `calls`.
 *
 * All calls are checked first, then confirmed, then run in order. No calls means: none of these functions.
 * Gives what each handler gives, and throws what [dispatch] throws.
 */
fun dispatchAll(answer: Map<String, Any?>, handlers: Handlers, confirm: Confirm? = null): List<Any?> {
    val calls = answer["calls"] as? List<*> ?: throw CallError("", "", "the answer has no list of calls")
    if (answer["unfinished"] == true || answer["error"] != null) {
        throw CallError("", "", "the model gave no whole answer")
    }
    val every = calls.map { checkedCall(it) }
    every.forEach { ask(it, confirm) }
    return every.map { it.rules.run(handlers, it.given) }
}

/** JSON Schema in one form. */
private class Rule(
    val types: List<String>? = null,
    val choices: List<Any?>? = null,
    val minimum: Double? = null,
    val maximum: Double? = null,
    val exclusiveMinimum: Double? = null,
    val exclusiveMaximum: Double? = null,
    val multipleOf: Double? = null,
    val minLength: Int? = null,
    val maxLength: Int? = null,
    val pattern: String? = null,
    val minItems: Int? = null,
    val maxItems: Int? = null,
    val uniqueItems: Boolean = false,
    val items: Rule? = null,
    val properties: Map<String, Rule> = mapOf(),
    val required: List<String> = listOf(),
    val closed: Boolean = false,
    val others: Rule? = null,
    val anyOf: List<Rule>? = null,
    val oneOf: List<Rule>? = null,
    val allOf: List<Rule> = listOf(),
)

/** What a call of a function may say: a rule by parameter; `nested` are parameters where octo may put a call. */
private class FunctionRules(
    val rules: Map<String, Rule>,
    val required: List<String>,
    val nested: Map<String, List<String>?>,
    val run: (handlers: Handlers, given: Map<String, Any?>) -> Any?,
)

private class Checked(val name: String, val rules: FunctionRules, val given: Map<String, Any?>)

private fun checkedCall(call: Any?): Checked {
    val name = if (call is Map<*, *>) call["name"] as? String else null
    if (call !is Map<*, *> || name == null) {
        throw CallError("", "", "a call is an object with a name and arguments")
    }
    val rules = rulesOf(name) ?: throw CallError(name, "", "there is no such function")
    val said = record(call, "arguments", name)
    val unresolved = record(call, "unresolved", name)
    val missing = names(call, "missing", name)
    for (argument in said.keys + missing + unresolved.keys) {
        if (argument !in rules.rules) {
            throw CallError(name, argument, "there is no such parameter")
        }
    }
    for ((argument, value) in said) {
        checkArgument(name, rules, argument, value)
    }
    if (missing.isNotEmpty() || unresolved.isNotEmpty()) {
        throw IncompleteCall(name, missing, unresolved)
    }
    for (argument in rules.required) {
        if (argument !in said) {
            throw CallError(name, argument, "is required")
        }
    }
    return Checked(name, rules, said)
}

/** An object inside a call; empty where it is left out. */
private fun record(call: Map<*, *>, key: String, name: String): Map<String, Any?> {
    val found = if (key in call) call[key] else mapOf<String, Any?>()
    if (found !is Map<*, *>) {
        throw CallError(name, "", "$key is no object")
    }
    return found.entries.associate { it.key.toString() to it.value }
}

/** A list of names inside a call; empty where it is left out. */
private fun names(call: Map<*, *>, key: String, name: String): List<String> {
    val found = if (key in call) call[key] else listOf<String>()
    if (found !is List<*> || found.any { it !is String }) {
        throw CallError(name, "", "$key is no list of names")
    }
    return found.filterIsInstance<String>()
}

private fun checkArgument(name: String, rules: FunctionRules, argument: String, value: Any?) {
    if (argument in rules.nested && isCall(value, rules.nested[argument])) {
        throw CallError(name, argument, "is a nested call; this code runs flat calls only")
    }
    val fault = faultOf(value, rules.rules.getValue(argument))
    if (fault != null) {
        throw CallError(name, argument, fault)
    }
}

/** Whether a value is a call of one of `names`; null stands for any call. */
private fun isCall(value: Any?, names: List<String>?): Boolean {
    val name = (value as? Map<*, *> ?: return false)["name"] as? String ?: return false
    val whole = value.keys.all { it in listOf("name", "arguments", "missing", "unresolved") }
    return whole && (if (names == null) "arguments" in value else name in names)
}

private fun ask(checked: Checked, confirm: Confirm?) {
    if (checked.name in NEEDS_CONFIRMATION && (confirm == null || !confirm(checked.name, checked.given))) {
        throw NeedsConfirmation(checked.name, checked.given)
    }
}

/** How a value breaks its rule; null when it does not. */
private fun faultOf(value: Any?, rule: Rule): String? =
    typeFault(value, rule)
        ?: numberFault(value, rule)
        ?: textFault(value, rule)
        ?: listFault(value, rule)
        ?: objectFault(value, rule)
        ?: branchFault(value, rule)

private fun typeFault(value: Any?, rule: Rule): String? = when {
    rule.types != null && rule.types.none { isOf(it, value) } -> "is not of type " + rule.types.joinToString(" or ")
    rule.choices != null && rule.choices.none { same(value, it) } -> "is none of the allowed values"
    else -> null
}

private fun isOf(kind: String, value: Any?): Boolean = when (kind) {
    "integer" -> isFinite(value) && isWhole(value)
    "number" -> isFinite(value)
    "string" -> value is String
    "boolean" -> value is Boolean
    "array" -> value is List<*>
    "object" -> value is Map<*, *>
    else -> value == null
}

private fun isFinite(value: Any?): Boolean = value is Number && !value.toDouble().isNaN() && !value.toDouble().isInfinite()

/** Whether a number has no fraction and fits into a Long. */
private fun isWhole(value: Any?): Boolean =
    value is Long || value is Int || (value is Number && value.toDouble() % 1.0 == 0.0 && value.toDouble() in -9e18..9e18)

private fun same(one: Any?, other: Any?): Boolean = when {
    one is Number && other is Number ->
        if (one is Long && other is Long) one == other else one.toDouble() == other.toDouble()
    one is List<*> && other is List<*> -> one.size == other.size && one.indices.all { same(one[it], other[it]) }
    one is Map<*, *> && other is Map<*, *> -> one.keys == other.keys && one.keys.all { same(one[it], other[it]) }
    else -> one == other
}

private fun numberFault(value: Any?, rule: Rule): String? {
    val number = (value as? Number)?.toDouble() ?: return null
    return when {
        rule.minimum != null && number < rule.minimum -> "is below its minimum"
        rule.maximum != null && number > rule.maximum -> "is above its maximum"
        rule.exclusiveMinimum != null && number <= rule.exclusiveMinimum -> "is not above its exclusive minimum"
        rule.exclusiveMaximum != null && number >= rule.exclusiveMaximum -> "is not below its exclusive maximum"
        rule.multipleOf != null && !isMultiple(number, rule.multipleOf) -> "is no multiple of its step"
        else -> null
    }
}

private fun isMultiple(number: Double, step: Double): Boolean =
    if (step % 1.0 == 0.0) number % step == 0.0 else (number / step) % 1.0 == 0.0

private fun textFault(value: Any?, rule: Rule): String? {
    val text = value as? String ?: return null
    // Characters, not the halves that a String counts.
    val length = text.indices.count { !(text[it].isLowSurrogate() && it > 0 && text[it - 1].isHighSurrogate()) }
    return when {
        rule.minLength != null && length < rule.minLength -> "is too short"
        rule.maxLength != null && length > rule.maxLength -> "is too long"
        rule.pattern != null -> patternFault(text, rule.pattern)
        else -> null
    }
}

private fun patternFault(text: String, pattern: String): String? = try {
    if (Regex(pattern).containsMatchIn(text)) null else "does not match its pattern"
} catch (error: IllegalArgumentException) {
    "has a pattern that cannot be read here"
}

private fun listFault(value: Any?, rule: Rule): String? {
    val items = value as? List<*> ?: return null
    return when {
        rule.minItems != null && items.size < rule.minItems -> "has too few items"
        rule.maxItems != null && items.size > rule.maxItems -> "has too many items"
        rule.uniqueItems && items.indices.any { a -> (0 until a).any { same(items[a], items[it]) } } -> "has an item twice"
        rule.items == null -> null
        else -> items.indices.firstNotNullOfOrNull { at("[$it]", faultOf(items[it], rule.items)) }
    }
}

private fun objectFault(value: Any?, rule: Rule): String? {
    val found = value as? Map<*, *> ?: return null
    val lacking = rule.required.firstOrNull { it !in found }
    if (lacking != null) {
        return "lacks $lacking"
    }
    return found.entries.firstNotNullOfOrNull { at(it.key.toString(), propertyFault(it.key, it.value, rule)) }
}

private fun propertyFault(name: Any?, value: Any?, rule: Rule): String? {
    val inner = rule.properties[name] ?: rule.others
    return if (inner != null) faultOf(value, inner) else if (rule.closed) "there is no such property" else null
}

private fun at(place: String, fault: String?): String? = fault?.let { "$place: $it" }

private fun branchFault(value: Any?, rule: Rule): String? = when {
    rule.anyOf != null && rule.anyOf.all { faultOf(value, it) != null } -> "fits none of its alternatives"
    rule.oneOf != null && rule.oneOf.count { faultOf(value, it) == null } != 1 ->
        "does not fit exactly one of its alternatives"
    else -> rule.allOf.firstNotNullOfOrNull { faultOf(value, it) }
}

/** A checked value as what its rule says it is. */
private fun text(value: Any?): String = value as String

private fun whole(value: Any?): Long = (value as Number).toLong()

private fun real(value: Any?): Double = (value as Number).toDouble()

private fun flag(value: Any?): Boolean = value as Boolean

private fun table(value: Any?): Map<String, Any?> = (value as Map<*, *>).entries.associate { it.key.toString() to it.value }

private fun <T> list(value: Any?, read: (Any?) -> T): List<T> = (value as List<*>).map(read)

private fun <T> optional(value: Any?, read: (Any?) -> T): T? = if (value == null) null else read(value)

// octo: begin rules
private fun rulesOf(name: String): FunctionRules? = null
// octo: end rules
