/** The language of all pages: Chinese or English, remembered in the browser. */

export type Language = 'zh' | 'en';
type Pair = readonly [zh: string, en: string];

const REMEMBERED_AS = 'cityeye.language';

function remembered(): Language {
  try {
    const kept = localStorage.getItem(REMEMBERED_AS);
    if (kept === 'zh' || kept === 'en') return kept;
  } catch {
    // A browser that keeps nothing: what it prefers counts.
  }
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

let current = $state<Language>('zh');

function become(next: Language): void {
  current = next;
  document.documentElement.lang = next === 'zh' ? 'zh-CN' : 'en';
}
become(remembered());

export const language = {
  get now(): Language {
    return current;
  },
  /** The tag that dates and numbers are written by. */
  get tag(): string {
    return current === 'zh' ? 'zh-CN' : 'en-GB';
  },
  set(next: Language): void {
    become(next);
    try {
      localStorage.setItem(REMEMBERED_AS, next);
    } catch {
      // Then it is asked again next time.
    }
  },
};

/** Texts of one page or component, each in both languages; reading one gives it in the language
 * of now, and what reads it in a template is drawn again when the language changes. */
export function texts<const T extends Record<string, Pair>>(table: T): Record<keyof T, string> {
  const read = {} as Record<keyof T, string>;
  for (const key of Object.keys(table) as (keyof T)[]) {
    Object.defineProperty(read, key, {
      enumerable: true,
      get: () => table[key]![current === 'zh' ? 0 : 1],
    });
  }
  return read;
}

/** Puts values into a text: `fill('{n} left', { n: 3 })`. */
export function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** A text that the service gives in both languages. */
export function spoken(both: { zh: string; en: string } | null | undefined): string {
  return both ? both[current] : '';
}
