/**
 * The small faults that can be planted in a piece of JavaScript: a comparison that is off by one or the wrong way
 * round, a condition that always or never holds, a statement that is missing, another constant, `every` for `some`.
 * Words in messages are left alone, and so is what is logged.
 */
import { childrenOf, isNode, type Node, nodeAt } from './ast.js';

/** `text` in place of `[start, end)`. */
export interface Mutant {
  readonly start: number;
  readonly end: number;
  readonly text: string;
  /** A statement that is left out or replaced; else an expression. */
  readonly statement: boolean;
}

const OTHER_OPERATORS: Readonly<Record<string, readonly string[]>> = {
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '===': ['!=='],
  '!==': ['==='],
  '+': ['-'],
  '-': ['+'],
  '*': ['/'],
  '/': ['*'],
  '%': ['*'],
  '<<': ['>>'],
  '>>': ['<<'],
  '>>>': ['<<'],
  '&': ['|'],
  '|': ['&'],
  '^': ['&'],
  '&&': ['||'],
  '||': ['&&'],
  '??': ['&&'],
  '+=': ['-='],
  '-=': ['+='],
};

const OTHER_METHODS = new Map(
  Object.entries({
    some: 'every',
    every: 'some',
    min: 'max',
    max: 'min',
    ceil: 'floor',
    floor: 'ceil',
    push: 'unshift',
    shift: 'pop',
    pop: 'shift',
    startsWith: 'endsWith',
    indexOf: 'lastIndexOf',
  }),
);

/** Methods whose result resembles what they are called on. */
const DROPPED_METHODS = new Set(['slice', 'subarray', 'filter', 'sort', 'reverse', 'toSorted', 'toReversed']);

/** What is called for people who watch, and what the transpiler wrote. */
const UNTOUCHED_CALLS =
  /\b(?:logger|log|trace|metrics|tracer)\b[\w.#?]*\(|^(?:this\.)?#?(?:log|trace)\w*\(|^__\w+\(|metrics?\b/i;
const HELPERS = /^__/;

const textOf = (source: string, node: Node): string => source.slice(node.start, node.end);

const isText = (node: unknown): boolean =>
  isNode(node) &&
  (node.type === 'TemplateLiteral' ||
    (node.type === 'Literal' && typeof node.value === 'string') ||
    (node.type === 'BinaryExpression' && node.operator === '+' && (isText(node.left) || isText(node.right))));

function* operatorMutants(node: Node, source: string): Generator<string> {
  const operator = String(node.operator);
  if (operator === '+' && isText(node)) return;
  if (node.type === 'AssignmentExpression' && isText(node.right)) return;
  const left = textOf(source, nodeAt(node, 'left'));
  const right = textOf(source, nodeAt(node, 'right'));
  const assigns = node.type === 'AssignmentExpression';
  // `a ?? b` does not stand beside `&&` without brackets.
  for (const other of OTHER_OPERATORS[operator] ?? [])
    yield assigns ? `${left} ${other} ${right}` : `(${left}) ${other} (${right})`;
}

function* literalMutants({ value, raw }: Node): Generator<string> {
  if (typeof value === 'number') {
    yield value === 0 ? '1' : `(${String(raw)} + 1)`;
    if (value > 1) yield `(${String(raw)} - 1)`;
  } else if (typeof value === 'bigint') yield `(${String(raw)} + 1n)`;
  else if (typeof value === 'boolean') yield String(!value);
}

function* callMutants(node: Node, source: string): Generator<string> {
  const callee = nodeAt(node, 'callee');
  if (callee.type !== 'MemberExpression' || callee.computed === true) return;
  const property = nodeAt(callee, 'property');
  const object = textOf(source, nodeAt(callee, 'object'));
  const name = textOf(source, property);
  const other = OTHER_METHODS.get(name);
  if (other !== undefined) yield `${object}.${other}${source.slice(property.end, node.end)}`;
  if (DROPPED_METHODS.has(name) && object !== 'super') yield object;
}

/** Other expressions for this one. */
function* expressionMutants(node: Node, source: string): Generator<string> {
  switch (node.type) {
    case 'BinaryExpression':
    case 'LogicalExpression':
    case 'AssignmentExpression':
      yield* operatorMutants(node, source);
      break;
    case 'UnaryExpression':
      if (node.operator === '!' || node.operator === '-') yield `(${textOf(source, nodeAt(node, 'argument'))})`;
      break;
    case 'UpdateExpression': {
      const text = textOf(source, node);
      yield node.operator === '++' ? text.replace('++', '--') : text.replace('--', '++');
      break;
    }
    case 'Literal':
      yield* literalMutants(node);
      break;
    case 'CallExpression':
      yield* callMutants(node, source);
      break;
  }
}

/** Conditions that always or never hold; what compares has been turned round already. */
function* conditionMutants(condition: Node, owner: string): Generator<string> {
  if (condition.type === 'Literal') return;
  yield 'false';
  // A loop that never ends shows nothing but the time-out.
  if (owner === 'IfStatement' || owner === 'ConditionalExpression') yield 'true';
}

function isLeftOut(node: Node, source: string): boolean {
  if (node.type === 'ThrowStatement' || node.type === 'ContinueStatement') return true;
  if (node.type !== 'ExpressionStatement' || node.directive !== undefined) return false;
  const expression = nodeAt(node, 'expression');
  const text = textOf(source, node);
  return ['CallExpression', 'AssignmentExpression', 'AwaitExpression', 'UpdateExpression'].includes(expression.type)
    ? !text.startsWith('super(') && !HELPERS.test(text)
    : false;
}

/** Fields in which an expression is not one, or where its fault would not be small. */
function isFixed(node: Node, field: string): boolean {
  if (node.type === 'ImportDeclaration' || node.type === 'ExportNamedDeclaration') return field !== 'declaration';
  if (node.type === 'ExportAllDeclaration' || node.type === 'ThrowStatement') return true;
  const isNamed = ['Property', 'PropertyDefinition', 'MethodDefinition', 'MemberExpression'].includes(node.type);
  if (isNamed && (field === 'key' || field === 'property')) return node.computed !== true;
  // `undefined`, as the compiler writes it: another number behind it is the same.
  if (node.type === 'UnaryExpression' && node.operator === 'void') return nodeAt(node, field).type === 'Literal';
  // An iteration's step: a loop that goes the other way does not end.
  return node.type === 'ForStatement' && field === 'update';
}

const isUntouched = (node: Node, source: string): boolean =>
  (node.type === 'CallExpression' && UNTOUCHED_CALLS.test(textOf(source, node).split('\n')[0] ?? '')) ||
  (node.type === 'VariableDeclarator' && HELPERS.test(textOf(source, node)));

/** Every mutant of a program, in reading order. */
export function* mutantsOf(program: Node, source: string): Generator<Mutant> {
  function* walk(node: Node, inChain: boolean, ofLoop: boolean): Generator<Mutant> {
    if (isUntouched(node, source)) return;
    if (isLeftOut(node, source)) {
      const expression = node.type === 'ExpressionStatement' ? nodeAt(node, 'expression') : undefined;
      const call = expression?.type === 'AwaitExpression' ? nodeAt(expression, 'argument') : expression;
      if (call === undefined || !isUntouched(call, source))
        yield { start: node.start, end: node.end, text: ';', statement: true };
    }
    // `a?.b.c` ends as a whole where there is no `a`: its pieces are no expressions of their own.
    if (!inChain || node.type !== 'CallExpression') {
      // A loop's condition the wrong way round may never end; one off by one is enough.
      for (const text of [...expressionMutants(node, source)].slice(0, ofLoop ? 1 : undefined))
        yield { start: node.start, end: node.end, text, statement: false };
    }
    for (const { child, field } of childrenOf(node)) {
      if (isFixed(node, field)) continue;
      if (field === 'test') {
        for (const text of conditionMutants(child, node.type))
          yield { start: child.start, end: child.end, text, statement: false };
      }
      const chained = node.type === 'ChainExpression' || (inChain && (field === 'object' || field === 'callee'));
      yield* walk(child, chained, field === 'test' && /^(?:For|While|DoWhile)Statement$/.test(node.type));
    }
  }
  yield* walk(program, false, false);
}

/**
 * `source` with all `mutants` in it, each asleep until `isOn` of its number holds. Where several are for one place, or
 * one within another, each has the others as they were.
 */
export function withMutants(source: string, mutants: readonly { readonly id: number; readonly mutant: Mutant }[]) {
  const places = new Map<string, { start: number; end: number; ids: number[]; options: Mutant[] }>();
  for (const { id, mutant } of mutants) {
    const key = `${mutant.start}:${mutant.end}:${mutant.statement}`;
    const place = places.get(key) ?? { start: mutant.start, end: mutant.end, ids: [], options: [] };
    place.ids.push(id);
    place.options.push(mutant);
    places.set(key, place);
  }
  // Outer places first; a statement is around its expression.
  const sorted = [...places.values()].sort(
    (a, b) => a.start - b.start || b.end - a.end || Number(b.options[0]?.statement) - Number(a.options[0]?.statement),
  );
  let next = 0;
  const write = (from: number, to: number): string => {
    let text = '';
    let at = from;
    for (let place = sorted[next]; place !== undefined && place.start < to; place = sorted[next]) {
      next++;
      text += source.slice(at, place.start);
      at = place.end;
      const inner = write(place.start, place.end);
      const tests = place.options.map(({ text: mutated, statement }, index) => {
        const test = `globalThis.mutation.isOn(${place.ids[index]})`;
        return statement ? `if (${test}) ${mutated} else ` : `${test} ? (${mutated}) : `;
      });
      text += place.options[0]?.statement === true ? `{ ${tests.join('')}${inner} }` : `(${tests.join('')}${inner})`;
    }
    return text + source.slice(at, to);
  };
  return write(0, source.length);
}
