/** Claims as the service keeps them: what one reviewer holds, nobody else gets. */

import { api, csrfHeaders, onceKey, take, type Schemas } from '../../lib/api/client';
import { asked, type Filters } from './filters';

export type Item = Schemas['FindingItem'];
const MOST_CLAIMED = 20;

/** Claims the next findings of a queue, but for some. */
export function claimNext(filters: Filters, count: number, exceptIds: string[]): Promise<Item[]> {
  return claim({
    count, order: filters.order, filters: asked(filters) as Schemas['FindingFilters'],
    except_ids: exceptIds, finding_ids: [],
  });
}

/** Claims certain findings, as far as they wait and are free; what is held is held longer. */
export function claimThese(ids: string[]): Promise<Item[]> {
  return claim({ count: 1, order: 'risk', except_ids: [], finding_ids: ids.slice(0, MOST_CLAIMED) });
}

/** What this reviewer holds, from whatever page. */
export function ownClaims(): Promise<Item[]> {
  return itemsOf(api.GET('/api/v1/reviews/claims'));
}

/** Gives findings back. Where the service is away, they are free when their time is over. */
export async function release(ids: string[]): Promise<void> {
  if (!ids.length) return;
  const body = { finding_ids: ids };
  await take(api.POST('/api/v1/reviews/claims/release', { body })).catch(() => {});
}

/** The same by a request that outlives the page. */
export function releaseOnLeaving(ids: string[]): void {
  if (!ids.length) return;
  void fetch('/api/v1/reviews/claims/release', {
    method: 'POST',
    keepalive: true,
    headers: { 'Content-Type': 'application/json', ...csrfHeaders() },
    body: JSON.stringify({ finding_ids: ids }),
  });
}

export function claim(body: Schemas['ClaimCreate']): Promise<Item[]> {
  const header = { 'idempotency-key': onceKey()['Idempotency-Key'] };
  return itemsOf(api.POST('/api/v1/reviews/claims', { body, params: { header } }));
}

// Tuples are arrays in the types of answers.
async function itemsOf(
  call: Promise<{ data?: { items: unknown[] }; response: Response }>,
): Promise<Item[]> {
  return (await take(call)).items as Item[];
}
