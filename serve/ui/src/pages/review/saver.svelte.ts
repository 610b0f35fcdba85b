/** Decisions on their way to the service: what was decided is never lost, and never doubled.
 *
 * A decision is shown as done at once and saved behind. Where the service is not reached it is sent
 * again, under the same key, until it is. Where the service refuses, who asked is told. This lives
 * as long as the program is open, so that leaving the page loses nothing.
 */

import { api, onceKey, take, ApiError, type Schemas } from '../../lib/api/client';
import { session } from '../../lib/session.svelte';

type Item = Schemas['FindingItem'];

export type Action = 'confirm' | 'reject';
export interface Decision {
  action: Action;
  reason: string;
  text: string;
  correction: Correction | null;
}
export type Correction = Pick<
  Partial<Schemas['CorrectCreate']>, 'kind' | 'geometry' | 'bbox_xyxy'
>;
export type SaveState = 'saving' | 'waiting' | 'saved' | 'failed' | 'undone';

/** One decision on one finding. */
export class Save {
  state = $state<SaveState>('saving');
  error = $state.raw<ApiError | null>(null);
  /** Whether the correction, if any, is saved; the decision may still fail. */
  corrected = false;
  /** What the service answered last. */
  item = $state.raw<Item | null>(null);
  readonly at = Date.now();

  constructor(
    readonly finding: Item,
    readonly decision: Decision,
    /** Who decided; nobody else's session may send it. */
    readonly userId: string,
    /** Where it stood among what was claimed. */
    readonly place: number,
  ) {}
}

type Headers = { 'idempotency-key': string; 'if-match'?: string };
type Call = (headers: Headers, signal: AbortSignal) => Promise<Item>;

/** A decision may be taken back for so long. */
export const UNDO_MS = 600_000;
const ANSWER_WITHIN_MS = 20_000;
const LONGEST_PAUSE_MS = 10_000;
const MOST_FAULTS = 4;
const MOST_KEPT = 5_000;

class Saver {
  /** All decisions of this sitting that stand or are on their way, the newest last. */
  saves = $state.raw<Save[]>([]);
  #chains = new Map<string, Promise<unknown>>();
  #wake = new Set<() => void>();

  constructor() {
    addEventListener('online', () => this.retryNow());
    addEventListener('beforeunload', (event) => {
      if (this.pending > 0) event.preventDefault();
    });
  }

  get pending(): number {
    return this.saves.filter((save) => save.state === 'saving' || save.state === 'waiting').length;
  }
  /** How many wait for a service that is not reached. */
  get waiting(): number {
    return this.saves.filter((save) => save.state === 'waiting').length;
  }
  /** Decisions that stand. */
  get standing(): Save[] {
    return this.saves.filter((save) => save.state !== 'failed' && save.state !== 'undone');
  }
  /** Whether something about a finding is on its way. */
  isBusy(findingId: string): boolean {
    return this.#chains.has(findingId);
  }

  /** Saves a decision; settles when it is saved or the service refused it (see its state). */
  decide(save: Save): Promise<void> {
    this.saves = [...this.saves, save].slice(-MOST_KEPT);
    return this.#chain(save.finding.id, async () => {
      try {
        for (const call of stepsOf(save)) {
          save.item = await this.#persist(save, call);
          save.corrected = save.decision.correction !== null;
        }
        save.state = 'saved';
        save.error = null;
      } catch (error) {
        save.state = 'failed';
        save.error = error instanceof ApiError ? error : new ApiError(0, '', String(error));
      }
    });
  }

  /** Takes a decision back, after it was saved where it is on its way still.
   *
   * Returns the finding as it is then. Throws an `ApiError` where that is refused. */
  undo(save: Save): Promise<Item | null> {
    const before = save.state;
    save.state = 'undone';
    return this.#chain(save.finding.id, async () => {
      if ((save.state as SaveState) === 'failed') return null;
      save.state = 'undone';
      try {
        return (save.item = await this.#takeBack(save));
      } catch (error) {
        save.state = before === 'waiting' || before === 'saving' ? 'saved' : before;
        throw error;
      }
    });
  }

  /** Does not wait any longer before the next attempt. */
  retryNow(): void {
    for (const wake of this.#wake) wake();
  }

  /** Tells that decisions on a finding were taken back elsewhere. */
  undone(findingId: string): void {
    for (const save of this.saves) if (save.finding.id === findingId) save.state = 'undone';
  }

  /** What is done with one finding is done one after the other. */
  #chain<T>(findingId: string, work: () => Promise<T>): Promise<T> {
    const before = this.#chains.get(findingId) ?? Promise.resolve();
    const done = before.then(work, work);
    const settled = done.catch(() => {}).finally(() => {
      if (this.#chains.get(findingId) === settled) this.#chains.delete(findingId);
    });
    this.#chains.set(findingId, settled);
    return done;
  }

  async #takeBack(save: Save): Promise<Item> {
    const id = save.finding.id;
    const call: Call = (header, signal) =>
      answered(
        api.POST('/api/v1/findings/{finding_id}/undo', {
          params: { path: { finding_id: id }, header }, body: { text: '' }, signal,
        }),
      );
    try {
      return await this.#persist(save, call, save.item?.revision);
    } catch (error) {
      // Another sighting may have come meanwhile; what one decided is still the latest decision.
      if (!(error instanceof ApiError) || error.status !== 412) throw error;
      const now = await take(
        api.GET('/api/v1/findings/{finding_id}', { params: { path: { finding_id: id } } }),
      );
      return await this.#persist(save, call, now.revision);
    }
  }

  /** Sends until the service answers. */
  async #persist(save: Save, call: Call, revision?: number): Promise<Item> {
    const headers: Headers = { 'idempotency-key': onceKey()['Idempotency-Key'] };
    if (revision !== undefined) headers['if-match'] = `"${revision}"`;
    for (let faults = 0, attempt = 0; ; attempt += 1) {
      try {
        if (session.me && session.me.id !== save.userId) {
          throw new ApiError(403, 'signed in as another', 'somebody else is signed in now');
        }
        const item = await call(headers, AbortSignal.timeout(ANSWER_WITHIN_MS));
        if (save.state === 'waiting') save.state = 'saving';
        return item;
      } catch (thrown) {
        const error = thrown instanceof ApiError ? thrown : new ApiError(0, '', String(thrown));
        if (error.status === 428 && !headers['if-match']) {
          // The claim ran out while the service was away: the version that was looked at counts.
          headers['if-match'] = `"${save.item?.revision ?? save.finding.revision}"`;
          continue;
        }
        if (error.status === 500) faults += 1;
        if (!mayPass(error) || faults >= MOST_FAULTS) throw error;
        save.error = error;
        if (save.state === 'saving') save.state = 'waiting';
        await this.#pause(error.retryAfterS, attempt);
      }
    }
  }

  #pause(seconds: number | null, attempt: number): Promise<void> {
    const wait = seconds ? seconds * 1_000 : Math.min(500 * 2 ** attempt, LONGEST_PAUSE_MS);
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#wake.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, wait);
      this.#wake.add(wake);
    });
  }
}

/** The finding that the service answers; tuples are arrays in the types of answers. */
async function answered(call: Parameters<typeof take>[0]): Promise<Item> {
  return (await take(call)) as Item;
}

/** Whether the same request may succeed later. */
function mayPass(error: ApiError): boolean {
  return [0, 401, 429, 500, 502, 503, 504].includes(error.status);
}

function stepsOf({ finding, decision }: Save): Call[] {
  const path = { finding_id: finding.id };
  const steps: Call[] = [];
  if (decision.correction) {
    const body = { ...decision.correction, text: '' };
    steps.push((header, signal) =>
      answered(
        api.POST('/api/v1/findings/{finding_id}/correct', { params: { path, header }, body, signal }),
      ),
    );
  }
  const { reason, text } = decision;
  steps.push((header, signal) =>
    decision.action === 'confirm'
      ? answered(
          api.POST('/api/v1/findings/{finding_id}/confirm', {
            params: { path, header }, body: { text }, signal,
          }),
        )
      : answered(
          api.POST('/api/v1/findings/{finding_id}/reject', {
            params: { path, header }, body: { reason, text }, signal,
          }),
        ),
  );
  return steps;
}

export const saver = new Saver();
