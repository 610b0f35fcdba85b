/** Surveys that are being sent: it goes on while one looks at other pages. */

import { api, onceKey, take, type Schemas } from '../../../lib/api/client';
import { Transfer } from './transfer.svelte';

type Lying = Schemas['UploadPublic'];
const AT_ONCE = 3;

/** A survey to be made as soon as all its files have arrived. */
export class Draft {
  readonly id = crypto.randomUUID();
  state = $state<'sending' | 'making' | 'failed'>('sending');
  problem = $state.raw<unknown>(null);
  readonly key = onceKey();

  constructor(
    readonly site: { id: string; name: string },
    readonly flownAt: string,
    readonly transfers: Transfer[],
  ) {}

  get size(): number {
    return this.transfers.reduce((sum, each) => sum + each.size, 0);
  }
  get sent(): number {
    return this.transfers.reduce((sum, each) => sum + each.sent, 0);
  }
  get body(): Schemas['SurveyCreate'] {
    const ids = (role: string) =>
      this.transfers.filter((each) => each.role === role).map((each) => each.uploadId ?? '');
    return {
      flown_at: this.flownAt,
      ortho_upload_id: ids('ortho')[0] ?? null,
      dsm_upload_id: ids('dsm')[0] ?? null,
      photo_upload_ids: ids('photo'),
    };
  }
}

let drafts = $state<Draft[]>([]);
let made = $state(0);
let lying: Lying[] = [];
let online = $state(navigator.onLine);

function isBusy(): boolean {
  return drafts.some((draft) => draft.transfers.some((each) => each.active));
}

/** The browser asks before the page is left while something is sent. */
function warn(event: BeforeUnloadEvent): void {
  event.preventDefault();
}

function next(): void {
  const all = drafts.flatMap((draft) => draft.transfers);
  let room = AT_ONCE - all.filter((each) => each.active).length;
  for (const each of all) {
    if (room <= 0) break;
    if (each.state !== 'waiting') continue;
    room -= 1;
    // Two files of one name and size may not go on with the same upload.
    const taken = new Set(all.map((other) => other.uploadId));
    void each.start(lying.filter((upload) => !taken.has(upload.id)), next);
  }
  for (const draft of drafts) {
    if (draft.state === 'sending' && draft.transfers.every((each) => each.state === 'done')) {
      void make(draft);
    }
  }
  (isBusy() ? addEventListener : removeEventListener)('beforeunload', warn as EventListener);
}

async function make(draft: Draft): Promise<void> {
  draft.state = 'making';
  draft.problem = null;
  try {
    await take(
      api.POST('/api/v1/sites/{site_id}/surveys', {
        params: { path: { site_id: draft.site.id } },
        headers: draft.key,
        body: draft.body,
      }),
    );
    drafts = drafts.filter((each) => each !== draft);
    made += 1;
  } catch (error) {
    draft.problem = error;
    draft.state = 'failed';
  }
}

addEventListener('online', () => {
  online = true;
  outbox.resumeAll((each) => each.state === 'failed');
});
addEventListener('offline', () => (online = false));

export const outbox = {
  get drafts(): Draft[] {
    return drafts;
  },
  /** Counts surveys that were made of what was sent; whoever shows surveys reads them anew. */
  get made(): number {
    return made;
  },
  get online(): boolean {
    return online;
  },
  /** Whether an upload belongs to what is being sent here. */
  holds(uploadId: string): boolean {
    return drafts.some((draft) => draft.transfers.some((each) => each.uploadId === uploadId));
  },
  /** Sends a survey's files and makes it; goes on with uploads that broke off. */
  add(draft: Draft, unfinished: Lying[]): void {
    lying = unfinished;
    drafts = [...drafts, draft];
    next();
  },
  pause(transfers: Transfer[]): void {
    for (const each of transfers) if (each.state !== 'done') each.pause();
    next();
  },
  resume(transfers: Transfer[]): void {
    for (const each of transfers) each.queue();
    next();
  },
  resumeAll(which: (each: Transfer) => boolean): void {
    outbox.resume(drafts.flatMap((draft) => draft.transfers).filter(which));
  },
  /** Tries again to make a survey whose files have all arrived. */
  retry(draft: Draft): void {
    draft.state = 'sending';
    next();
  },
  /** Gives a survey up; what was sent of it is deleted. */
  async drop(draft: Draft): Promise<void> {
    outbox.pause(draft.transfers);
    drafts = drafts.filter((each) => each !== draft);
    next();
    for (const { uploadId } of draft.transfers) {
      if (!uploadId) continue;
      await take(
        api.DELETE('/api/v1/uploads/{upload_id}', {
          params: { path: { upload_id: uploadId }, header: { 'tus-resumable': '1.0.0' } },
        }),
      );
    }
  },
};
