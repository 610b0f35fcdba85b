/** Where one is: the path and the query of the address, and how to go elsewhere. */

let path = $state(location.pathname);
let query = $state(new URLSearchParams(location.search));

function read(): void {
  path = location.pathname;
  query = new URLSearchParams(location.search);
}
addEventListener('popstate', read);

export const route = {
  get path(): string {
    return path;
  },
  get query(): URLSearchParams {
    return query;
  },
  /** The parts of the path: `/surveys/12` gives `['surveys', '12']`. */
  get parts(): string[] {
    return path.split('/').filter(Boolean).map(decodeURIComponent);
  },
};

/** Goes to another page. With `replace` the present one cannot be gone back to. */
export function go(to: string, { replace = false } = {}): void {
  if (to === location.pathname + location.search) return;
  history[replace ? 'replaceState' : 'pushState'](null, '', to);
  const before = path;
  read();
  if (path !== before) scrollTo(0, 0);
}

/** Changes the query in the address and leaves the rest; empty values are taken out. */
export function ask(changes: Record<string, string | string[] | null>): void {
  const next = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    next.delete(name);
    for (const each of Array.isArray(value) ? value : [value]) if (each) next.append(name, each);
  }
  const written = next.toString();
  go(location.pathname + (written ? `?${written}` : ''), { replace: true });
}

/** Makes links of our own pages change the page without loading it anew. */
export function followLinks(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = (event.target as Element | null)?.closest('a');
  if (!link || link.target || link.hasAttribute('download')) return;
  if (link.origin !== location.origin || link.pathname.startsWith('/api/')) return;
  event.preventDefault();
  go(link.pathname + link.search);
}
