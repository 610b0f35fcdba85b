/** Light, dark, or as the system has it; remembered in the browser. */

export type Theme = 'auto' | 'light' | 'dark';
const REMEMBERED_AS = 'cityeye.theme';

function remembered(): Theme {
  try {
    const kept = localStorage.getItem(REMEMBERED_AS);
    if (kept === 'light' || kept === 'dark') return kept;
  } catch {
    // As the system has it.
  }
  return 'auto';
}

let current = $state<Theme>(remembered());
const system = matchMedia('(prefers-color-scheme: dark)');
let systemDark = $state(system.matches);
system.addEventListener('change', (event) => (systemDark = event.matches));

function show(): void {
  if (current === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = current;
}
show();

export const theme = {
  get now(): Theme {
    return current;
  },
  /** Whether pages are dark just now. */
  get dark(): boolean {
    return current === 'auto' ? systemDark : current === 'dark';
  },
  set(next: Theme): void {
    current = next;
    show();
    try {
      if (next === 'auto') localStorage.removeItem(REMEMBERED_AS);
      else localStorage.setItem(REMEMBERED_AS, next);
    } catch {
      // Then it holds for this visit.
    }
  },
};
