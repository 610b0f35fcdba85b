/** Names of sites and cameras, read once. */

import { api, take } from '../../lib/api/client';

let sites = $state.raw(new Map<string, string>());
let cameras = $state.raw(new Map<string, string>());
const MOST_PAGES = 10;

async function names(
  read: (cursor?: string) => Promise<{ items: { id: string; name: string }[]; next?: string | null }>,
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  let cursor: string | undefined;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const { items, next } = await read(cursor);
    for (const { id, name } of items) found.set(id, name);
    if (!next) break;
    cursor = next;
  }
  return found;
}

export const places = {
  get sites(): Map<string, string> {
    return sites;
  },
  get cameras(): Map<string, string> {
    return cameras;
  },
  site: (id: string): string => sites.get(id) ?? id,
  camera: (id: string): string => cameras.get(id) ?? id,
  async load(): Promise<void> {
    const page = (cursor?: string) => ({ params: { query: { limit: 200, ...(cursor ? { cursor } : {}) } } });
    try {
      sites = await names((cursor) => take(api.GET('/api/v1/sites', page(cursor))));
      cameras = await names((cursor) => take(api.GET('/api/v1/cameras', page(cursor))));
    } catch {
      // Ids are shown in their place.
    }
  },
};
