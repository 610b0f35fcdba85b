/** The list of the queue: read page by page as it is scrolled, however long it is. */

import { SvelteMap, SvelteSet } from 'svelte/reactivity';

import { api, take, type Schemas } from '../../lib/api/client';
import { asked, type Filters } from './filters';

/** What a row shows; less than the API gives, as there may be a hundred thousand. */
export interface Row {
  id: string;
  kind: string;
  zh: string;
  en: string;
  risk: number;
  score: number;
  seenAt: string;
  siteId: string | null;
  cameraId: string | null;
  zone: string | null;
  unit: string | null;
  cell: string | null;
  claimedBy: string | null;
  claimedUntil: string | null;
  revision: number;
  pictureId: string | null;
}

const PAGE = 100;
/** Which picture shows best, small, what it is about. */
const TELLING = ['close_up', 'after', 'load_1', 'scene_end', 'scene_start'];

type Listed = Omit<Schemas['FindingItem'], 'bounds' | 'bbox_xyxy'>;

function rowOf(item: Listed): Row {
  const pictures = item.pictures ?? [];
  const picture = TELLING.map((role) => pictures.find((each) => each.role === role)).find(Boolean);
  return {
    id: item.id, kind: item.kind, zh: item.title.zh, en: item.title.en,
    risk: item.risk, score: item.score, seenAt: item.seen_at,
    siteId: item.site_id, cameraId: item.camera_id, zone: item.zone,
    unit: item.unit, cell: item.cell,
    claimedBy: item.claimed_by, claimedUntil: item.claimed_until, revision: item.revision,
    pictureId: (picture ?? pictures[0])?.id ?? null,
  };
}

export class Queue {
  rows = $state.raw<Row[]>([]);
  known = $state(false);
  loading = $state(false);
  error = $state.raw<unknown>(null);
  /** How many there are under the filters, and whether that was counted to the end. */
  total = $state<{ count: number; exact: boolean } | null>(null);
  /** Rows marked for one decision. */
  marked = new SvelteSet<string>();
  /** What became of rows since they were read. */
  outcomes = new SvelteMap<string, string>();
  #filters: Filters | null = null;
  #next: string | null = null;
  #turn = 0;

  get more(): boolean {
    return this.#next !== null;
  }
  get first(): Row | undefined {
    return this.rows[0];
  }
  indexOf(id: string): number {
    return this.rows.findIndex((row) => row.id === id);
  }

  /** Reads the list from its beginning. */
  async reload(filters: Filters): Promise<void> {
    this.#filters = filters;
    this.#next = null;
    this.rows = [];
    this.known = false;
    this.outcomes.clear();
    this.marked.clear();
    this.total = null;
    void this.count();
    await this.#page();
  }

  async loadMore(): Promise<void> {
    if (this.#next !== null && !this.loading) await this.#page();
  }

  /** Counts anew how many there are. */
  async count(): Promise<void> {
    const filters = this.#filters;
    if (!filters) return;
    const query = { ...asked(filters), state: [filters.state] };
    try {
      const { counts, exact } = await take(api.GET('/api/v1/findings/counts', { params: { query } }));
      if (filters !== this.#filters) return;
      this.total = { count: counts.reduce((sum, each) => sum + each.count, 0), exact };
    } catch {
      // The number is told where it is known.
    }
  }

  /** Marks up to `most` rows that look alike: the same kind at the same site or camera and zone. */
  async markAlike(like: Row, most: number): Promise<number> {
    const filters = this.#filters;
    if (!filters) return 0;
    const place = like.cameraId ? { camera_id: [like.cameraId] } : like.siteId ? { site_id: [like.siteId] } : {};
    const query = {
      ...asked(filters), ...place, state: ['suspected' as const],
      kind: [like.kind as Schemas['FindingKind']], order: filters.order, limit: most,
    };
    const page = await take(api.GET('/api/v1/findings', { params: { query } }));
    const alike = page.items.map(rowOf).filter((row) => row.zone === like.zone);
    const shown = new Set(this.rows.map(({ id }) => id));
    // What the list has not come to yet goes to its end: what is marked must be seen.
    this.rows = [...this.rows, ...alike.filter(({ id }) => !shown.has(id))];
    for (const { id } of alike) if (!this.outcomes.has(id)) this.marked.add(id);
    return this.marked.size;
  }

  async #page(): Promise<void> {
    const turn = ++this.#turn;
    const filters = this.#filters!;
    this.loading = true;
    this.error = null;
    try {
      const query = {
        ...asked(filters), state: [filters.state], order: filters.order, limit: PAGE,
        ...(this.#next ? { cursor: this.#next } : {}),
      };
      const page = await take(api.GET('/api/v1/findings', { params: { query } }));
      if (turn !== this.#turn) return;
      const shown = new Set(this.marked.size ? this.rows.map(({ id }) => id) : []);
      this.rows = [...this.rows, ...page.items.map(rowOf).filter(({ id }) => !shown.has(id))];
      this.#next = page.next ?? null;
      this.known = true;
    } catch (error) {
      if (turn === this.#turn) this.error = error;
    } finally {
      if (turn === this.#turn) this.loading = false;
    }
  }
}

export const queue = new Queue();
