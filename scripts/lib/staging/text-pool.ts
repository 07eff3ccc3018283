import { createRandom, drawBelow, pick, type Random } from '../prng.ts';
import { drawCamel, drawPhrase, drawSentence, drawWord } from './words.ts';

/** What a file looks like inside; decides from which pool its body is cut. */
export type ContentKind = 'php' | 'json' | 'js' | 'css' | 'text' | 'binary';

/** Many self-contained units (statements, JSON members, rules) one after the other in a buffer. */
export interface TextPool {
  readonly bytes: Buffer;
  /** Byte offset of every unit, and one last entry: the length of `bytes`. */
  readonly offsets: Uint32Array;
}

const POOL_BYTES = 3 * 1024 * 1024;

/** Creates the pool of one kind; units can be repeated and combined in any order and the result still parses. */
export function createTextPool(kind: ContentKind, seed: string): TextPool {
  const random = createRandom(seed, 'pool', kind);
  const units: Buffer[] = [];
  const offsets = [0];
  for (let length = 0; length < POOL_BYTES; ) {
    const unit = drawUnit[kind](random);
    units.push(unit);
    length += unit.length;
    offsets.push(length);
  }
  return { bytes: Buffer.concat(units), offsets: Uint32Array.from(offsets) };
}

const drawUnit: Readonly<Record<ContentKind, (random: Random) => Buffer>> = {
  php: (random) => Buffer.from(drawPhpHandler(random)),
  json: (random) => Buffer.from(drawJsonMember(random)),
  js: (random) => Buffer.from(drawJsHandler(random)),
  css: (random) => Buffer.from(drawCssRule(random)),
  text: (random) => Buffer.from(`${drawSentence(random, 6, 16)}.\n`),
  binary: (random) => Buffer.from(Array.from({ length: 64 }, () => drawBelow(random, 256))),
};

function drawPhpHandler(random: Random): string {
  const lines = [
    '',
    '/**',
    ` * ${drawSentence(random, 5, 12)}.`,
    ` * @param ${drawCamel(random, 2)} $${drawWord(random)} ${drawSentence(random, 2, 6)}`,
    ' */',
    `$handlers['${drawPhrase(random, 3, '-')}'] = static function ( $${drawWord(random)}, $services ) {`,
  ];
  for (let i = 1 + drawBelow(random, 8); i > 0; i--) lines.push(drawPhpStatement(random));
  lines.push(`\treturn $${drawWord(random)};`, '};', '');
  return lines.join('\n');
}

function drawPhpStatement(random: Random): string {
  const [a, b, c] = [drawWord(random), drawWord(random), drawWord(random)];
  const statements = [
    `\t$${a} = $services->get${drawCamel(random, 2)}()->${b}( $${c}, ${drawBelow(random, 9999)} );`,
    `\tif ( !$${a}->is${drawCamel(random, 2)}( '${b}-${c}' ) ) {\n\t\t$${a}['${b}'] = ${drawBelow(random, 999)};\n\t}`,
    `\t$${a}['${b}-${c}'] = [ '${drawWord(random)}' => true, '${drawPhrase(random, 2, '-')}' => $${c} ];`,
    `\tforeach ( $${a} as $${b} => $${c} ) {\n\t\t$result[] = "${drawPhrase(random, 2, '-')}-{$${c}}";\n\t}`,
    `\t// ${drawSentence(random, 5, 12)}`,
    `\tthrow_if( $${a} === null, '${drawSentence(random, 3, 8)}', ${drawBelow(random, 99999)} );`,
  ];
  return pick(random, statements);
}

function drawJsonMember(random: Random): string {
  const text = drawSentence(random, 3, 18);
  const value = random() < 0.25 ? `${text} $1 {{PLURAL:$2|${drawWord(random)}|${drawWord(random)}}}` : text;
  return `\t"${drawPhrase(random, 3, '-')}": "${value}",\n`;
}

function drawJsHandler(random: Random): string {
  const name = drawCamel(random, 2);
  const lines = ['', `mw.hook( '${drawPhrase(random, 2, '.')}' ).add( function on${name}( $${drawWord(random)} ) {`];
  for (let i = 1 + drawBelow(random, 6); i > 0; i--) {
    const value = `mw.${drawWord(random)}.get( '${drawPhrase(random, 2, '-')}', ${drawBelow(random, 999)} )`;
    lines.push(`\tconst ${drawWord(random)}${i} = ${value};`);
  }
  lines.push(`\t// ${drawSentence(random, 4, 10)}`, '} );', '');
  return lines.join('\n');
}

function drawCssRule(random: Random): string {
  const color = drawBelow(random, 0x1000000).toString(16).padStart(6, '0');
  const sizes = `margin: ${drawBelow(random, 40)}px ${drawBelow(random, 40)}px;\n\twidth: ${drawBelow(random, 100)}%;`;
  return `\n.mw-${drawPhrase(random, 2, '-')} > .${drawPhrase(random, 2, '-')} {\n\tcolor: #${color};\n\t${sizes}\n}\n`;
}
