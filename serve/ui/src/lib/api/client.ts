/** Calls of the service's API, typed by its own description. */

import createClient, { type Middleware } from 'openapi-fetch';

import type { components, paths } from './schema';

export type Schemas = components['schemas'];

/** What went wrong with a call, as the service says it (RFC 9457) or as the network did. */
export class ApiError extends Error {
  constructor(
    /** HTTP status; 0 where no answer came. */
    readonly status: number,
    readonly title: string,
    /** What was wrong and how to mend it. */
    readonly detail: string,
    readonly problem: Schemas['Problem'] | null = null,
    /** Seconds after which it may be tried again. */
    readonly retryAfterS: number | null = null,
    /** Under which the service's log tells more. */
    readonly requestId: string | null = null,
  ) {
    super(detail || title);
  }
}

let csrf: string | null = null;
let onSignedOut: () => void = () => {};

/** The secret that changes need; it comes with who one is. */
export function useCsrf(secret: string | null): void {
  csrf = secret;
}

/** What to do when the service does not know this browser any more. */
export function whenSignedOut(action: () => void): void {
  onSignedOut = action;
}

const CHANGES = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

const guard: Middleware = {
  onRequest({ request }) {
    if (CHANGES.has(request.method) && csrf) request.headers.set('X-CSRF-Token', csrf);
    return request;
  },
  onResponse({ response, schemaPath }) {
    if (response.status === 401 && !schemaPath.startsWith('/api/v1/auth/')) onSignedOut();
  },
  onError() {
    return new ApiError(0, 'no answer', 'no answer');
  },
};

export const api = createClient<paths>({ baseUrl: '' });
api.use(guard);

/** The headers of a call that does not go through `api` (uploads). */
export function csrfHeaders(): Record<string, string> {
  return csrf ? { 'X-CSRF-Token': csrf } : {};
}

/** A key under which a POST that creates may be sent again without creating twice. */
export function onceKey(): { 'Idempotency-Key': string } {
  return { 'Idempotency-Key': crypto.randomUUID() };
}

type Answer<T> = { data?: T; error?: unknown; response: Response };

/** Waits for an answer and returns what it holds.
 *
 * Throws an `ApiError` where the service refused or was not reached. */
export async function take<T>(call: Promise<Answer<T>>): Promise<T> {
  return (await takeWhole(call)).data;
}

/** The same, with the answer's headers (for `ETag`). */
export async function takeWhole<T>(
  call: Promise<Answer<T>>,
): Promise<{ data: T; headers: Headers; status: number }> {
  const { data, error, response } = await call;
  if (!response.ok) {
    const problem = (error && typeof error === 'object' ? error : null) as Schemas['Problem'] | null;
    const wait = Number(response.headers.get('Retry-After'));
    throw new ApiError(
      response.status,
      problem?.title ?? response.statusText,
      problem?.detail ?? '',
      problem,
      wait > 0 ? wait : null,
      response.headers.get('X-Request-ID'),
    );
  }
  return { data: data as T, headers: response.headers, status: response.status };
}
