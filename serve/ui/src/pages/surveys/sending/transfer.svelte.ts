/** One file on its way to the service. */

import { Upload, type DetailedError } from 'tus-js-client';

import { ApiError, csrfHeaders, onceKey, type Schemas } from '../../../lib/api/client';
import { CheckedStack, isBeginningOf } from './checksums';

export type FileRole = 'ortho' | 'dsm' | 'photo';
type State = 'waiting' | 'checking' | 'sending' | 'retrying' | 'paused' | 'done' | 'failed';
type Lying = Schemas['UploadPublic'];

/** What goes in one request. A broken one is sent again whole, so that its digest can be told. */
const CHUNK_BYTES = 8 * 2 ** 20;
/** A service that restarts or a network that is away is waited for, about a quarter of an hour. */
const RETRY_DELAYS_MS = [500, 1_000, 2_000, 4_000, 8_000, ...Array<number>(60).fill(15_000)];
/** Statuses of answers after which the same may be sent again. */
const PASSING = new Set([0, 408, 409, 423, 425, 429, 460]);
const SPEED_EVERY_MS = 500;

/** A file that is sent, or one that lies at the service whole. */
export class Transfer {
  readonly name: string;
  readonly size: number;
  state = $state<State>('waiting');
  /** Bytes that have arrived or are on their way. */
  sent = $state(0);
  /** Share of what lies at the service that was held against the file. */
  checked = $state(0);
  /** Where an upload that broke off was gone on with. */
  resumedAt = $state(0);
  bytesPerSecond = $state(0);
  problem = $state.raw<unknown>(null);
  uploadId = $state<string | null>(null);
  #tus: Upload | null = null;
  #key = onceKey();
  #mark = { at: 0, sent: 0 };
  #turn = 0;

  constructor(
    readonly role: FileRole,
    readonly file: File | null,
    lying: Lying | null = null,
  ) {
    this.name = file?.name ?? lying?.file_name ?? '';
    this.size = file?.size ?? lying?.length_bytes ?? 0;
    if (!file && lying) this.#finish(lying.id);
  }

  get active(): boolean {
    return this.state === 'checking' || this.state === 'sending' || this.state === 'retrying';
  }
  get secondsLeft(): number | null {
    return this.bytesPerSecond > 0 ? (this.size - this.sent) / this.bytesPerSecond : null;
  }

  /** Sends the file; goes on with an upload of it that broke off, if it is the same file. */
  async start(lying: readonly Lying[], whenOver: () => void): Promise<void> {
    const turn = ++this.#turn;
    this.problem = null;
    this.state = 'checking';
    try {
      if (this.uploadId === null) await this.#find(lying);
      // Paused or stopped while it was looked for: then this start is over.
      if (turn !== this.#turn) return;
      if (this.uploadId !== null && this.sent === this.size) this.#finish(this.uploadId);
      else this.#send(whenOver);
    } catch (error) {
      if (turn !== this.#turn) return;
      this.#fail(error);
    }
    if (!this.active) whenOver();
  }

  pause(): void {
    this.#turn += 1;
    this.#stop();
    if (this.state !== 'done') this.state = 'paused';
  }

  /** Takes its place in the queue again. */
  queue(): void {
    if (this.state === 'paused' || this.state === 'failed') this.state = 'waiting';
  }

  async #find(lying: readonly Lying[]): Promise<void> {
    // The one that got furthest first; one that never got anywhere is nothing to go on with.
    const begun = lying.filter((each) => each.state !== 'used' && each.offset_bytes > 0);
    for (const upload of begun.toSorted((a, b) => b.offset_bytes - a.offset_bytes)) {
      if (upload.file_name !== this.name || upload.length_bytes !== this.size) continue;
      if (!this.file) continue;
      this.checked = 0;
      if (!(await isBeginningOf(this.file, upload, (share) => (this.checked = share)))) continue;
      this.uploadId = upload.id;
      this.sent = this.resumedAt = upload.offset_bytes;
      return;
    }
  }

  #send(whenOver: () => void): void {
    if (!this.file) return;
    this.state = 'sending';
    this.#mark = { at: performance.now(), sent: this.sent };
    const tus = new Upload(this.file, {
      endpoint: '/api/v1/uploads',
      uploadUrl: this.uploadId ? `/api/v1/uploads/${this.uploadId}` : null,
      metadata: { filename: this.name, filetype: this.file.type || 'application/octet-stream' },
      chunkSize: CHUNK_BYTES,
      retryDelays: RETRY_DELAYS_MS,
      // The service knows what broke off; nothing of it is kept in the browser.
      storeFingerprintForResuming: false,
      httpStack: new CheckedStack(),
      onBeforeRequest: (request) => {
        const method = request.getMethod();
        for (const [name, value] of Object.entries({
          ...csrfHeaders(),
          ...(method === 'POST' ? this.#key : {}),
        })) request.setHeader(name, value);
      },
      onUploadUrlAvailable: () => {
        this.uploadId = tus.url?.split('/').at(-1) ?? null;
      },
      onProgress: (sent) => this.#progress(sent),
      onShouldRetry: (error) => {
        const status = error.originalResponse?.getStatus() ?? 0;
        const passes = PASSING.has(status) || status >= 500;
        if (passes) {
          this.state = 'retrying';
          this.bytesPerSecond = 0;
        }
        return passes;
      },
      onSuccess: () => {
        this.#finish(this.uploadId ?? '');
        whenOver();
      },
      onError: (error) => {
        this.#fail(asApiError(error));
        whenOver();
      },
    });
    this.#tus = tus;
    tus.start();
  }

  #progress(sent: number): void {
    this.state = 'sending';
    this.sent = sent;
    const now = performance.now();
    const passed = now - this.#mark.at;
    if (passed < SPEED_EVERY_MS) return;
    const speed = Math.max(0, ((sent - this.#mark.sent) * 1_000) / passed);
    this.bytesPerSecond = this.bytesPerSecond ? 0.7 * this.bytesPerSecond + 0.3 * speed : speed;
    this.#mark = { at: now, sent };
  }

  #finish(uploadId: string): void {
    this.uploadId = uploadId;
    this.sent = this.size;
    this.bytesPerSecond = 0;
    this.state = 'done';
    this.#tus = null;
  }

  #fail(error: unknown): void {
    this.#stop();
    this.problem = error;
    this.state = 'failed';
    // One that is gone (used up, swept, deleted) is begun anew.
    if (error instanceof ApiError && (error.status === 404 || error.status === 410)) {
      this.uploadId = null;
      this.sent = this.resumedAt = 0;
      this.#key = onceKey();
    }
  }

  #stop(): void {
    // What was stopped is not started again: a start makes a new one, so late answers do no harm.
    void this.#tus?.abort().catch(() => {});
    this.#tus = null;
    this.bytesPerSecond = 0;
  }
}

function asApiError(error: Error | DetailedError): ApiError {
  const answer = 'originalResponse' in error ? error.originalResponse : null;
  if (!answer) return new ApiError(0, 'no answer', error.message);
  let problem: Schemas['Problem'] | null = null;
  try {
    problem = JSON.parse(answer.getBody()) as Schemas['Problem'];
  } catch {
    // An answer of something between us and the service; its status tells enough.
  }
  return new ApiError(
    answer.getStatus(),
    problem?.title ?? '',
    problem?.detail ?? '',
    problem,
    Number(answer.getHeader('Retry-After')) || null,
    answer.getHeader('X-Request-ID') ?? null,
  );
}
