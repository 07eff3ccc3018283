import { drawBelow, pick, type Random } from '../prng.ts';

const WORDS = (
  'action actor api archive article ask auth badge ban base block board body bot bridge buffer bundle cache call ' +
  'card category change channel check citation claim client collation column comment compare config consent ' +
  'content context cookie count create cursor dash data date debug default delete delta diff digest domain draft ' +
  'edit editor element email embed entity entry error event export extra factory feed field file filter flag flow ' +
  'font footer form format frame gadget gallery gateway global graph grid group guard handle hash header heading ' +
  'help history hook html icon image import index info input insert item job journal json key label language ' +
  'layer layout lexeme limit line link list loader local lock log lookup mail main map marker mask media member ' +
  'menu merge message meta mobile model module monitor name namespace node notice number object offset option ' +
  'order output override page paginator panel param parser patch path pattern payload pending permission phrase ' +
  'pipeline point policy pool popup portlet position prefix preview print profile property protect proxy purge ' +
  'query queue quick quiz quota range rate reader record redirect reference region relation remote render reply ' +
  'report request reset result review revision rights role root row rule sandbox scope score script search ' +
  'section select sense service session setting shard share sidebar site skin slot snippet source special stable ' +
  'stash state static status storage store stream string style subject submit suggest summary switch table tag ' +
  'talk target template term text theme thread thumb ticket time title token tool topic track transform translate ' +
  'tree type update upload user utility value variant vector vendor version video view virtual visit watch widget ' +
  'wiki window word worker wrapper writer zone'
).split(' ');

const LANGUAGES = (
  'en de fr es it ja ru pt zh-hans zh-hant nl pl sv uk ar he fa ko vi id tr cs fi hu ro da nb nn ca eu gl el bg ' +
  'sr-ec sr-el hr sl sk lt lv et hi bn ta te ml kn mr gu pa ur th my km lo ka hy az kk uz tg mn be mk sq is ga cy ' +
  'qqq'
).split(' ');

/** Draws one lower-case word; a few words are much more frequent than the others, as in real text. */
export function drawWord(random: Random): string {
  return WORDS[Math.floor(random() ** 4 * WORDS.length)] ?? 'page';
}

/** Draws one lower-case word, all equally likely: for names, which should differ. */
export function drawNameWord(random: Random): string {
  return pick(random, WORDS);
}

/** Draws `count` name words, each with a capital, joined: a class-like name. */
export function drawCamel(random: Random, count: number): string {
  let name = '';
  for (let i = 0; i < count; i++) {
    const word = drawNameWord(random);
    name += word.charAt(0).toUpperCase() + word.slice(1);
  }
  return name;
}

/** Draws `count` words with one separator between them. */
export function drawPhrase(random: Random, count: number, separator = ' '): string {
  let phrase = drawWord(random);
  for (let i = 1; i < count; i++) phrase += separator + drawWord(random);
  return phrase;
}

/** Draws a few words more or less: between `least` and `most` of them. */
export function drawSentence(random: Random, least: number, most: number): string {
  return drawPhrase(random, least + drawBelow(random, most - least + 1));
}

/** Names the language code at an index ≥ 0; every index has its own code. */
export function languageCode(index: number): string {
  const known = LANGUAGES[index];
  if (known !== undefined) return known;
  const n = index - LANGUAGES.length;
  const letter = (value: number): string => String.fromCharCode(97 + (value % 26));
  return `q${letter(n)}${letter(Math.floor(n / 26))}${n >= 676 ? `-x${String(Math.floor(n / 676))}` : ''}`;
}
