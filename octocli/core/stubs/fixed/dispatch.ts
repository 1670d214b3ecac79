// The TypeScript stub of an API without functions: typescript.py exchanges what stands between the marks.
// octo: end header

/** Asks the user: takes a function's name and arguments, and only true lets the call run. */
export type Confirm = (name: string, given: Readonly<Record<string, unknown>>) => boolean | Promise<boolean>;

// octo: begin api
/** Functions that run only when `confirm` said true. */
export const NEEDS_CONFIRMATION: readonly string[] = [];

/** What your app does for each function. */
export interface Handlers {}
// octo: end api

/** A call that must not run: which function, which argument ("" for the call as a whole), and why. */
export class CallError extends Error {
  readonly function: string;
  readonly argument: string;
  readonly reason: string;

  constructor(functionName: string, argument: string, reason: string) {
    super([functionName, argument, reason].filter((part) => part !== "").join(": "));
    this.name = "CallError";
    this.function = functionName;
    this.argument = argument;
    this.reason = reason;
  }
}

/** A call that lacks what the user did not say; ask back, then ask the model again. */
export class IncompleteCall extends CallError {
  readonly missing: readonly string[];
  readonly unresolved: Readonly<Record<string, unknown>>;

  constructor(functionName: string, missing: readonly string[], unresolved: Readonly<Record<string, unknown>>) {
    const asked = [...missing, ...Object.keys(unresolved)];
    super(functionName, asked[0] ?? "", `the user has to be asked for ${asked.join(", ")}`);
    this.name = "IncompleteCall";
    this.missing = missing;
    this.unresolved = unresolved;
  }
}

/** A call that runs only after the user said yes. */
export class NeedsConfirmation extends CallError {
  readonly arguments: Readonly<Record<string, unknown>>;

  constructor(functionName: string, given: Readonly<Record<string, unknown>>) {
    super(functionName, "", "needs to be confirmed first");
    this.name = "NeedsConfirmation";
    this.arguments = given;
  }
}

/** What `dispatch` and `dispatchAll` may be told. */
export interface Options {
  readonly confirm?: Confirm | undefined;
}

/**
 * Checks one call and hands it to its handler; calls nested in it go first. Resolves to what the handler gives.
 *
 * Rejects with CallError, IncompleteCall or NeedsConfirmation; then no handler was called, unless a nested call gave
 * what its place does not allow.
 */
export async function dispatch(call: unknown, handlers: Handlers, options: Options = {}): Promise<unknown> {
  const checked = checkedCall(call, 0);
  await ask(checked, options.confirm);
  return run(checked, handlers);
}

/**
 * Runs the calls of a whole answer of octo, an object (or its JSON text) with `calls`.
 *
 * All calls are checked first, then confirmed, then run in order. No calls means: none of these functions.
 * Resolves to what each handler gives, and rejects with what `dispatch` rejects with.
 */
export async function dispatchAll(answer: unknown, handlers: Handlers, options: Options = {}): Promise<unknown[]> {
  const every = callsOf(answer).map((call) => checkedCall(call, 0));
  for (const checked of every) {
    await ask(checked, options.confirm);
  }
  const results: unknown[] = [];
  for (const checked of every) {
    results.push(await run(checked, handlers));
  }
  return results;
}

/** JSON Schema in one form; properties are a Map, so that no name can reach an object's own machinery. */
interface Rule {
  readonly type?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly multipleOf?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly items?: Rule;
  readonly properties?: ReadonlyMap<string, Rule>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Rule | false;
  readonly anyOf?: readonly Rule[];
  readonly oneOf?: readonly Rule[];
  readonly allOf?: readonly Rule[];
}

/** What a call of a function may say: a rule by parameter, and which functions' calls may stand as its value. */
interface FunctionRules {
  readonly rules: ReadonlyMap<string, Rule>;
  readonly required: readonly string[];
  readonly nested: ReadonlyMap<string, readonly string[] | "any">;
  readonly run: (handlers: Handlers, given: ReadonlyMap<string, unknown>) => unknown;
}

type JsonObject = Record<string, unknown>;

const DEEPEST = 16;

/** A call that may run; a value that is a call itself is a Checked too. */
class Checked {
  readonly name: string;
  readonly rules: FunctionRules;
  readonly given: ReadonlyMap<string, unknown>;
  readonly said: JsonObject;

  constructor(name: string, rules: FunctionRules, given: ReadonlyMap<string, unknown>, said: JsonObject) {
    this.name = name;
    this.rules = rules;
    this.given = given;
    this.said = said;
  }
}

function callsOf(answer: unknown): readonly unknown[] {
  const whole = typeof answer === "string" ? parsed(answer) : answer;
  const calls = isObject(whole) ? own(whole, "calls") : undefined;
  if (!isObject(whole) || !Array.isArray(calls)) {
    throw new CallError("", "", "the answer has no list of calls");
  }
  if (own(whole, "unfinished") || own(whole, "error")) {
    throw new CallError("", "", "the model gave no whole answer");
  }
  return calls;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new CallError("", "", "the answer is not JSON");
  }
}

function checkedCall(call: unknown, depth: number): Checked {
  const name = isObject(call) ? own(call, "name") : undefined;
  if (!isObject(call) || typeof name !== "string") {
    throw new CallError("", "", "a call is an object with a name and arguments");
  }
  const rules = FUNCTIONS.get(name);
  if (rules === undefined) {
    throw new CallError(name, "", "there is no such function");
  }
  const said = objectIn(call, "arguments", name);
  const unresolved = objectIn(call, "unresolved", name);
  const missing = has(call, "missing") ? call["missing"] : [];
  if (!isTexts(missing)) {
    throw new CallError(name, "", "missing is no list of names");
  }
  for (const argument of [...Object.keys(said), ...missing, ...Object.keys(unresolved)]) {
    if (!rules.rules.has(argument)) {
      throw new CallError(name, argument, "there is no such parameter");
    }
  }
  const given = new Map<string, unknown>();
  for (const [argument, value] of Object.entries(said)) {
    given.set(argument, checkedArgument(name, rules, argument, value, depth));
  }
  if (missing.length > 0 || Object.keys(unresolved).length > 0) {
    throw new IncompleteCall(name, missing, unresolved);
  }
  for (const argument of rules.required) {
    if (!given.has(argument)) {
      throw new CallError(name, argument, "is required");
    }
  }
  return new Checked(name, rules, given, said);
}

/** An object inside a call; empty where it is left out. */
function objectIn(call: JsonObject, key: string, name: string): JsonObject {
  const found = has(call, key) ? call[key] : {};
  if (!isObject(found)) {
    throw new CallError(name, "", `${key} is no object`);
  }
  return found;
}

function checkedArgument(name: string, rules: FunctionRules, argument: string, value: unknown, depth: number): unknown {
  if (isCall(value, rules.nested.get(argument))) {
    if (depth === DEEPEST) {
      throw new CallError(name, argument, "calls are nested too deep");
    }
    return checkedCall(value, depth + 1);
  }
  const fault = faultOf(value, rules.rules.get(argument) ?? {});
  if (fault !== "") {
    throw new CallError(name, argument, fault);
  }
  return value;
}

/** Whether a value is a call of one of `names`. */
function isCall(value: unknown, names: readonly string[] | "any" | undefined): boolean {
  if (names === undefined || !isObject(value)) {
    return false;
  }
  const name = own(value, "name");
  const whole = Object.keys(value).every((key) => ["name", "arguments", "missing", "unresolved"].includes(key));
  return typeof name === "string" && whole && (names === "any" ? has(value, "arguments") : names.includes(name));
}

async function ask(checked: Checked, confirm: Confirm | undefined): Promise<void> {
  for (const value of checked.given.values()) {
    if (value instanceof Checked) {
      await ask(value, confirm);
    }
  }
  if (NEEDS_CONFIRMATION.includes(checked.name)) {
    if (confirm === undefined || (await confirm(checked.name, checked.said)) !== true) {
      throw new NeedsConfirmation(checked.name, checked.said);
    }
  }
}

async function run(checked: Checked, handlers: Handlers): Promise<unknown> {
  const given = new Map<string, unknown>();
  for (const [argument, value] of checked.given) {
    given.set(argument, value instanceof Checked ? await resultOf(checked, argument, value, handlers) : value);
  }
  return checked.rules.run(handlers, given);
}

/** What a nested call gives, if it may stand in its place. */
async function resultOf(checked: Checked, argument: string, nested: Checked, handlers: Handlers): Promise<unknown> {
  const result = await run(nested, handlers);
  const rule = checked.rules.nested.get(argument) === "any" ? undefined : checked.rules.rules.get(argument);
  const fault = faultOf(result, rule ?? {});
  if (fault !== "") {
    throw new CallError(checked.name, argument, `what ${nested.name} gave ${fault}`);
  }
  return result;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function has(value: JsonObject, key: string): boolean {
  return Object.prototype.hasOwnProperty.call(value, key);
}

/** A property of the object itself, never one that every object inherits. */
function own(value: JsonObject, key: string): unknown {
  return has(value, key) ? value[key] : undefined;
}

/** How a value breaks its rule; empty when it does not. */
function faultOf(value: unknown, rule: Rule): string {
  return (
    typeFault(value, rule) ||
    numberFault(value, rule) ||
    textFault(value, rule) ||
    listFault(value, rule) ||
    objectFault(value, rule) ||
    branchFault(value, rule)
  );
}

function typeFault(value: unknown, rule: Rule): string {
  if (rule.type !== undefined && !rule.type.some((kind) => isOf(kind, value))) {
    return `is not of type ${rule.type.join(" or ")}`;
  }
  if (rule.enum !== undefined && !rule.enum.some((choice) => same(value, choice))) {
    return "is none of the allowed values";
  }
  return "";
}

function isOf(kind: string, value: unknown): boolean {
  switch (kind) {
    case "integer":
      return Number.isInteger(value);
    case "number":
      return Number.isFinite(value);
    case "null":
      return value === null;
    case "array":
      return Array.isArray(value);
    case "object":
      return isObject(value);
    default:
      return typeof value === kind;
  }
}

function same(one: unknown, other: unknown): boolean {
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((item, index) => same(item, other[index]));
  }
  if (isObject(one) && isObject(other)) {
    const keys = Object.keys(one);
    const alike = keys.length === Object.keys(other).length;
    return alike && keys.every((key) => has(other, key) && same(own(one, key), own(other, key)));
  }
  return one === other;
}

function numberFault(value: unknown, rule: Rule): string {
  if (typeof value !== "number") {
    return "";
  }
  if (rule.minimum !== undefined && value < rule.minimum) {
    return "is below its minimum";
  }
  if (rule.maximum !== undefined && value > rule.maximum) {
    return "is above its maximum";
  }
  if (rule.exclusiveMinimum !== undefined && value <= rule.exclusiveMinimum) {
    return "is not above its exclusive minimum";
  }
  if (rule.exclusiveMaximum !== undefined && value >= rule.exclusiveMaximum) {
    return "is not below its exclusive maximum";
  }
  if (rule.multipleOf !== undefined && !isMultiple(value, rule.multipleOf)) {
    return "is no multiple of its step";
  }
  return "";
}

function isMultiple(value: number, step: number): boolean {
  return Number.isInteger(step) ? value % step === 0 : Number.isInteger(value / step);
}

function textFault(value: unknown, rule: Rule): string {
  if (typeof value !== "string") {
    return "";
  }
  const length = [...value].length;
  if (rule.minLength !== undefined && length < rule.minLength) {
    return "is too short";
  }
  if (rule.maxLength !== undefined && length > rule.maxLength) {
    return "is too long";
  }
  return rule.pattern === undefined ? "" : patternFault(value, rule.pattern);
}

function patternFault(value: string, pattern: string): string {
  try {
    return new RegExp(pattern, "u").test(value) ? "" : "does not match its pattern";
  } catch {
    return "has a pattern that cannot be read here";
  }
}

function listFault(value: unknown, rule: Rule): string {
  if (!Array.isArray(value)) {
    return "";
  }
  const items: readonly unknown[] = value;
  if (rule.minItems !== undefined && items.length < rule.minItems) {
    return "has too few items";
  }
  if (rule.maxItems !== undefined && items.length > rule.maxItems) {
    return "has too many items";
  }
  if (rule.uniqueItems === true && items.some((a, index) => items.slice(0, index).some((b) => same(a, b)))) {
    return "has an item twice";
  }
  return first(items.map((item, index) => at(`[${index}]`, faultOf(item, rule.items ?? {}))));
}

function objectFault(value: unknown, rule: Rule): string {
  if (!isObject(value)) {
    return "";
  }
  const lacking = (rule.required ?? []).find((name) => !has(value, name));
  if (lacking !== undefined) {
    return `lacks ${lacking}`;
  }
  return first(Object.entries(value).map(([name, inner]) => at(name, propertyFault(name, inner, rule))));
}

function propertyFault(name: string, value: unknown, rule: Rule): string {
  const inner = rule.properties?.get(name) ?? rule.additionalProperties ?? {};
  return inner === false ? "there is no such property" : faultOf(value, inner);
}

function at(place: string, fault: string): string {
  return fault === "" ? "" : `${place}: ${fault}`;
}

function first(faults: readonly string[]): string {
  return faults.find((fault) => fault !== "") ?? "";
}

function branchFault(value: unknown, rule: Rule): string {
  if (rule.anyOf !== undefined && rule.anyOf.every((branch) => faultOf(value, branch) !== "")) {
    return "fits none of its alternatives";
  }
  if (rule.oneOf !== undefined && rule.oneOf.filter((branch) => faultOf(value, branch) === "").length !== 1) {
    return "does not fit exactly one of its alternatives";
  }
  return first((rule.allOf ?? []).map((branch) => faultOf(value, branch)));
}

// octo: begin rules
const FUNCTIONS: ReadonlyMap<string, FunctionRules> = new Map<string, FunctionRules>();
// octo: end rules
