/** Uploads of one's own that nothing was made of yet. */

import { api, take, type Schemas } from '../../../lib/api/client';

export async function unfinished(): Promise<Schemas['UploadPublic'][]> {
  const found: Schemas['UploadPublic'][] = [];
  let cursor: string | undefined;
  do {
    const page = await take(api.GET('/api/v1/uploads', { params: { query: { limit: 200, cursor } } }));
    found.push(...page.items.filter((each) => each.state !== 'used'));
    cursor = page.next ?? undefined;
  } while (cursor);
  return found;
}
