/** The reviewer's desk: findings claimed ahead with their evidence, and what was done with them. */

import { SvelteMap } from 'svelte/reactivity';

import { api, onceKey, take, ApiError, type Schemas } from '../../lib/api/client';
import { session } from '../../lib/session.svelte';
import { claimNext, claimThese, ownClaims, release, releaseOnLeaving, type Item } from './claims';
import { drafts } from './drafts.svelte';
import { passes, type Filters } from './filters';
import { queue } from './queue.svelte';
import { Save, saver, UNDO_MS, type Action } from './saver.svelte';
import type { EvidenceStore } from './viewers/evidence';

export type Finding = Schemas['FindingPublic'];
/** Something that can be taken back. */
export type Step =
  | { type: 'decision'; save: Save; at: number }
  | { type: 'skip'; item: Item; place: number; at: number }
  | { type: 'batch'; decided: { id: string; revision: number | null }[]; at: number };

/** How many are held at once, and below how many more are asked for. */
const AHEAD = 8;
const LOW = 6;
const PRELOADED = 5;
const RENEW_MS = 60_000;
const LOOK_AGAIN_MS = 15_000;
const HIDDEN_MS = 120_000;
const MOST_PASSED = 200;
const REMEMBERED = 24;

export class Desk {
  /** What is claimed and not decided, in the order of the queue. */
  lane = $state.raw<Item[]>([]);
  current = $state<string | null>(null);
  /** Whether the queue gave less than was asked for. */
  exhausted = $state(false);
  claiming = $state(false);
  error = $state.raw<unknown>(null);
  details = new SvelteMap<string, Finding>();
  missing = new SvelteMap<string, ApiError>();
  /** Decisions that the service refused, by finding. */
  failures = new SvelteMap<string, Save>();
  skipped = $state.raw<string[]>([]);
  trail = $state.raw<Step[]>([]);
  /** How many of what is claimed, from the present one on, could be drawn at once. */
  ready = $state(0);
  #store: EvidenceStore | null = null;
  #filters: Filters | null = null;
  #turn = 0;
  #timers: ReturnType<typeof setInterval>[] = [];
  #hidden: ReturnType<typeof setTimeout> | undefined;
  #userId = '';
  #loading = new Map<string, Promise<Finding | null>>();
  #recent: string[] = [];
  #preloading = 0;
  /** Done when what was given back last is free. */
  #given: Promise<void> = Promise.resolve();

  /** Begins to work on a queue; what was held for another one is given back. */
  async start(filters: Filters, store: EvidenceStore): Promise<void> {
    if (session.me && session.me.id !== this.#userId) this.#forget(session.me.id);
    this.stop();
    const turn = this.#turn;
    this.#store = store;
    this.#filters = filters;
    this.exhausted = false;
    this.claiming = true;
    this.#timers = [
      setInterval(() => void this.#renew(), RENEW_MS),
      setInterval(() => void (this.exhausted && this.fill(true)), LOOK_AGAIN_MS),
    ];
    try {
      // What the queue before held would be taken for left behind, and come first.
      await this.#given;
      // A page that was closed in a hurry may have left claims: they are taken up again.
      const held = await ownClaims();
      if (turn !== this.#turn) return;
      const own = held.filter((item) => passes(item, filters) && !saver.isBusy(item.id));
      if (filters.order === 'time') own.sort((a, b) => b.seen_at.localeCompare(a.seen_at));
      const fresh = own.length ? await claimThese(own.slice(0, AHEAD).map(({ id }) => id)) : [];
      if (turn !== this.#turn) return this.#giveBack(fresh.map(({ id }) => id));
      this.#add(fresh);
    } catch (error) {
      this.error = error;
    }
    if (turn !== this.#turn) return;
    this.claiming = false;
    await this.fill(true);
  }

  /** Gives back what is held. What is on its way to be saved goes on. */
  stop(): void {
    this.#turn += 1;
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
    clearTimeout(this.#hidden);
    this.#giveBack(this.lane.map(({ id }) => id));
    this.lane = [];
    this.current = null;
    this.claiming = false;
    this.error = null;
    this.#filters = null;
  }

  get shown(): Item | undefined {
    return this.lane.find(({ id }) => id === this.current);
  }
  has(id: string): boolean {
    return this.lane.some((item) => item.id === id);
  }

  /** Claims more where little is left. */
  async fill(now = false): Promise<void> {
    const filters = this.#filters;
    if (!filters || this.claiming || (document.hidden && !now)) return;
    if (this.lane.length >= (now ? AHEAD : LOW) || (this.exhausted && !now)) return;
    const turn = this.#turn;
    this.claiming = true;
    try {
      const count = AHEAD - this.lane.length;
      const items = await claimNext(filters, count, this.skipped);
      if (turn !== this.#turn) return this.#giveBack(items.map(({ id }) => id));
      this.exhausted = items.length < count;
      this.error = null;
      this.#add(items.filter(({ id }) => !saver.isBusy(id)));
    } catch (error) {
      if (turn !== this.#turn) return;
      this.error = error;
      // Looked for again as if nothing were left for now.
      this.exhausted = true;
    } finally {
      if (turn === this.#turn) this.claiming = false;
    }
  }

  /** Claims one finding and puts it before the present one; false where somebody else has it. */
  async open(id: string): Promise<boolean> {
    if (this.has(id)) {
      this.current = id;
      void this.preload();
      return true;
    }
    const turn = this.#turn;
    const [item] = await claimThese([id]);
    if (!item) return false;
    if (turn !== this.#turn) {
      this.#giveBack([id]);
      return false;
    }
    this.skipped = this.skipped.filter((each) => each !== id);
    this.#insert(item, this.#index());
    this.current = id;
    return true;
  }

  /** The finding so many steps on in what is claimed. */
  move(by: number): void {
    const next = this.lane[this.#index() + by];
    if (next) this.current = next.id;
    void this.preload();
  }

  /** Decides on a claimed finding: the next one is shown at once, saving goes on behind. */
  decide(id: string, action: Action, reason = ''): void {
    const place = this.lane.findIndex((item) => item.id === id);
    const item = this.lane[place];
    if (!item || !session.me) return;
    const correction = drafts.correctionOf(item);
    const decision = { action, reason, text: drafts.of(id).remark.trim(), correction };
    const save = new Save(this.details.get(id) ?? item, decision, session.me.id, place);
    this.failures.delete(id);
    this.#remember({ type: 'decision', save, at: save.at });
    this.#take(id);
    void saver.decide(save).then(() => this.#settled(save));
    void this.fill();
  }

  /** Gives up a decision that the service refused; the finding goes back to the queue. */
  dismiss(id: string): void {
    this.failures.delete(id);
    drafts.drop(id);
    const finding = this.details.get(id);
    // What somebody else decided or holds is nothing to decide on here.
    if (finding && finding.state !== 'suspected') this.#take(id);
    else void this.#renew();
  }

  /** Leaves a finding to others. */
  skip(id: string): void {
    const place = this.lane.findIndex((item) => item.id === id);
    const item = this.lane[place];
    if (!item) return;
    this.skipped = [...this.skipped, id].slice(-MOST_PASSED);
    this.#remember({ type: 'skip', item, place, at: Date.now() });
    this.#take(id);
    this.#giveBack([id]);
    void this.fill();
  }

  /** What was decided in one go. */
  decidedMany(decided: { id: string; revision: number | null }[]): void {
    if (!decided.length) return;
    this.#remember({ type: 'batch', decided, at: Date.now() });
    for (const { id } of decided) this.#take(id);
    void this.fill();
  }

  /** The step that `undo` would take back. */
  get last(): Step | undefined {
    const since = Date.now() - UNDO_MS;
    return this.trail.findLast(
      (step) => step.at > since && (step.type !== 'decision' || step.save.state !== 'failed'),
    );
  }

  /** Takes the last step back and shows what it was about.
   *
   * Returns ids of what waits again. Throws an `ApiError` where the service refuses. */
  async undo(): Promise<string[]> {
    const step = this.last;
    if (!step) return [];
    this.trail = this.trail.filter((each) => each !== step);
    if (step.type === 'batch') return this.#undoMany(step.decided);
    const item = step.type === 'skip' ? step.item : step.save.finding;
    const place = step.type === 'skip' ? step.place : step.save.place;
    // At once, before the service knows: the chain of the finding keeps the order.
    this.#insert(item, place);
    this.current = item.id;
    this.skipped = this.skipped.filter((id) => id !== item.id);
    try {
      if (step.type === 'decision') {
        const { remark } = drafts.of(item.id);
        if (!remark && step.save.decision.text) {
          drafts.change(item.id, { remark: step.save.decision.text });
        }
        const back = await saver.undo(step.save);
        if (back) this.#replace(back);
      }
      const [held] = await claimThese([item.id]);
      if (!held && this.has(item.id)) this.#take(item.id);
    } catch (error) {
      this.#take(item.id);
      throw error;
    }
    void this.load(item.id, true);
    return [item.id];
  }

  /** Takes back a decision on a finding that is looked at; it waits again afterwards. */
  async takeBack(finding: Finding): Promise<void> {
    await take(
      api.POST('/api/v1/findings/{finding_id}/undo', {
        params: {
          path: { finding_id: finding.id },
          header: {
            'idempotency-key': onceKey()['Idempotency-Key'], 'if-match': `"${finding.revision}"`,
          },
        },
        body: { text: '' },
      }),
    );
    saver.undone(finding.id);
    this.trail = this.trail.filter(
      (step) => step.type !== 'decision' || step.save.finding.id !== finding.id,
    );
    await this.load(finding.id, true);
  }

  /** Reads all about a finding, from memory where it was read before. */
  load(id: string, anew = false): Promise<Finding | null> {
    const known = this.details.get(id);
    if (known && !anew) return Promise.resolve(known);
    let reading = this.#loading.get(id);
    if (!reading) {
      const path = { finding_id: id };
      reading = take(api.GET('/api/v1/findings/{finding_id}', { params: { path } }))
        .then((answer) => {
          const finding = answer as Finding;
          this.missing.delete(id);
          this.details.set(id, finding);
          return finding;
        })
        .catch((error: ApiError) => {
          if (!this.details.has(id)) this.missing.set(id, error);
          return null;
        })
        .finally(() => this.#loading.delete(id));
      this.#loading.set(id, reading);
    }
    return reading;
  }

  /** Reads the present and the next findings and their evidence ahead. */
  async preload(): Promise<void> {
    const turn = ++this.#preloading;
    const from = Math.max(0, this.#index());
    this.ready = 0;
    for (const { id } of this.lane.slice(from, from + PRELOADED)) {
      const finding = await this.load(id);
      if (finding) await this.#store?.preload(finding).catch(() => {});
      if (turn !== this.#preloading) return;
      this.ready += 1;
    }
  }

  /** What to do when the page is hidden, or seen again. */
  visible(seen: boolean): void {
    clearTimeout(this.#hidden);
    if (!seen) {
      this.#hidden = setTimeout(() => this.#giveBack(this.lane.map(({ id }) => id)), HIDDEN_MS);
    } else void this.#renew();
  }

  /** The page is closed: what is held is given back by a request that outlives it. */
  leave(): void {
    releaseOnLeaving(this.lane.map(({ id }) => id));
  }

  // ---

  #index(): number {
    return this.lane.findIndex(({ id }) => id === this.current);
  }

  #add(items: Item[]): void {
    const fresh = items.filter(({ id }) => !this.has(id));
    this.lane = [...this.lane, ...fresh];
    this.current ??= this.lane[0]?.id ?? null;
    void this.preload();
  }

  #insert(item: Item, place: number): void {
    if (this.has(item.id)) return;
    const at = Math.max(0, Math.min(place, this.lane.length));
    this.lane = [...this.lane.slice(0, at), item, ...this.lane.slice(at)];
    this.current ??= item.id;
    void this.preload();
  }

  #replace(item: Item): void {
    this.lane = this.lane.map((each) => (each.id === item.id ? item : each));
  }

  /** Takes a finding out of what is claimed; the next one becomes the present one. */
  #take(id: string): void {
    const place = this.lane.findIndex((item) => item.id === id);
    if (place < 0) return;
    this.lane = this.lane.filter((item) => item.id !== id);
    if (this.current === id) {
      this.current = (this.lane[place] ?? this.lane[place - 1])?.id ?? null;
    }
    this.#recent = [...this.#recent.filter((each) => each !== id), id];
    for (const old of this.#recent.splice(0, Math.max(0, this.#recent.length - REMEMBERED))) {
      if (this.has(old)) continue;
      this.details.delete(old);
      this.#store?.drop(old);
    }
    void this.preload();
  }

  #remember(step: Step): void {
    this.trail = [...this.trail, step].slice(-MOST_PASSED);
  }

  async #settled(save: Save): Promise<void> {
    const { id } = save.finding;
    if (save.state !== 'failed') {
      if (save.state === 'saved' && !this.has(id)) drafts.drop(id);
      return;
    }
    if (save.corrected) drafts.change(id, { edit: null, kind: null });
    drafts.change(id, { remark: save.decision.text });
    this.failures.set(id, save);
    const now = await this.load(id, true);
    if (now && now.state !== 'suspected') queue.outcomes.set(id, now.state);
    else queue.outcomes.delete(id);
    if (!this.#filters) return;
    // Beside what is looked at now, not in its place: a key that is on its way must not hit it.
    this.#insert(save.finding, this.#index() + 1);
    await claimThese([id]).catch(() => {});
  }

  async #undoMany(decided: { id: string; revision: number | null }[]): Promise<string[]> {
    const back: string[] = [];
    let fault: unknown = null;
    for (const { id, revision } of decided) {
      try {
        await take(
          api.POST('/api/v1/findings/{finding_id}/undo', {
            params: { path: { finding_id: id }, header: { 'if-match': `"${revision}"` } },
            body: { text: '' },
          }),
        );
        back.push(id);
      } catch (error) {
        fault = error;
      }
    }
    void this.fill(true);
    if (fault && !back.length) throw fault;
    return back;
  }

  async #renew(): Promise<void> {
    const turn = this.#turn;
    const ids = this.lane.map(({ id }) => id);
    if (!ids.length || document.hidden) return;
    try {
      // Claiming them again renews what is held and takes back what ran out.
      const held = new Set((await claimThese(ids)).map(({ id }) => id));
      if (turn !== this.#turn) return;
      for (const id of ids) {
        if (!held.has(id) && !saver.isBusy(id) && !this.failures.has(id)) this.#take(id);
      }
      void this.fill();
    } catch {
      // The service is away; its claims last longer than a few tries.
    }
  }

  #giveBack(ids: string[]): void {
    if (!session.me) return;
    // One after the other: whoever waits for the last one waits for all.
    const free = ids.filter((id) => !saver.isBusy(id));
    this.#given = this.#given.then(() => release(free));
  }

  #forget(userId: string): void {
    this.#userId = userId;
    this.trail = [];
    this.skipped = [];
    this.failures.clear();
    this.details.clear();
    this.missing.clear();
    this.#recent = [];
    drafts.clear();
  }
}

export const desk = new Desk();
