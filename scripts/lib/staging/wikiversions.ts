import { createRandom } from '../prng.ts';
import { languageCode } from './words.ts';

const FAMILIES = ['wiki', 'wiktionary', 'wikibooks', 'wikinews', 'wikiquote', 'wikisource', 'wikivoyage'] as const;

/** Renders `wikiversions.json`: sorted database names to version directories; the newest serves the fewest wikis. */
export function toWikiversions(versions: readonly string[], wikiCount: number, seed: string): string {
  const random = createRandom(seed, 'wikiversions');
  const wikis = Array.from({ length: wikiCount }, (_, i) => {
    const family = FAMILIES[i % FAMILIES.length] ?? 'wiki';
    return languageCode(Math.floor(i / FAMILIES.length)).replaceAll('-', '_') + family;
  });
  const chosen = wikis.sort().map((wiki) => [wiki, versions[Math.floor(random() ** 2 * versions.length)]]);
  return `${JSON.stringify(Object.fromEntries(chosen), undefined, 4)}\n`;
}
