/** How much a reviewer decided, and how quickly. */

import { api, take } from '../../lib/api/client';
import { saver } from './saver.svelte';

/** The pace is that of the last minutes. */
const PACE_OVER_MS = 300_000;

let loaded = $state<{ today: number; sitting: number } | null>(null);
let countedAt = $state(0);
let many = $state.raw<{ at: number; count: number }[]>([]);
let now = $state(Date.now());

const manyCount = $derived(many.reduce((sum, each) => sum + each.count, 0));
const sitting = $derived(saver.standing.length + manyCount);

export const tally = {
  get sitting(): number {
    return sitting;
  },
  /** Since midnight here; not known before the service said so. */
  get today(): number | null {
    return loaded && loaded.today + sitting - loaded.sitting;
  },
  /** Decisions a minute. */
  get pace(): number {
    const since = now - PACE_OVER_MS;
    const decided = saver.standing.filter((save) => save.at > since);
    const batches = many.filter((each) => each.at > since);
    const count = decided.length + batches.reduce((sum, each) => sum + each.count, 0);
    if (count === 0) return 0;
    const first = Math.min(...decided.map(({ at }) => at), ...batches.map(({ at }) => at));
    // Of less than a minute nobody can tell a pace a minute.
    return count / (Math.max(60_000, now - first) / 60_000);
  },
  /** How many were decided since what is left was counted. */
  get sinceCounted(): number {
    const later = many.filter((each) => each.at > countedAt);
    return (
      saver.standing.filter((save) => save.at > countedAt || save.state !== 'saved').length +
      later.reduce((sum, each) => sum + each.count, 0)
    );
  },
  counted(): void {
    countedAt = Date.now();
  },
  /** Tells of decisions made in one go, negative ones where they were taken back. */
  addMany(count: number): void {
    many = [...many, { at: Date.now(), count }];
    tally.tick();
  },
  tick(): void {
    now = Date.now();
  },
  async load(): Promise<void> {
    const midnight = new Date();
    midnight.setHours(0, 0, 0, 0);
    const before = saver.standing.filter((save) => save.state === 'saved').length + manyCount;
    try {
      const query = { since: midnight.toISOString() };
      const { confirmed, rejected } = await take(api.GET('/api/v1/reviews/tally', { params: { query } }));
      loaded = { today: confirmed + rejected, sitting: before };
    } catch {
      // Then only this sitting is told.
    }
  },
};
