/** Who is logged in, and what they may do. */

import { api, take, useCsrf, whenSignedOut, ApiError, type Schemas } from './api/client';
import { language, type Language } from './language.svelte';

type Me = Schemas['Me'];

let me = $state<Me | null>(null);
let known = $state(false);
let problem = $state<ApiError | null>(null);

function become(next: Me | null): void {
  me = next;
  useCsrf(next?.csrf ?? null);
  known = true;
  problem = null;
}
whenSignedOut(() => become(null));

export const session = {
  /** Who is logged in; none where nobody is. */
  get me(): Me | null {
    return me;
  },
  /** Whether it is known yet who is logged in. */
  get known(): boolean {
    return known;
  },
  /** Why that could not be found out. */
  get problem(): ApiError | null {
    return problem;
  },
  /** Whether the one logged in may call an endpoint, by the endpoint's name (operation id). */
  may(operation: string): boolean {
    return me?.operations.includes(operation) ?? false;
  },
  async load(): Promise<void> {
    try {
      become(await take(api.GET('/api/v1/auth/me')));
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) become(null);
      else problem = error instanceof ApiError ? error : new ApiError(0, '', String(error));
    }
  },
  async logIn(name: string, password: string): Promise<void> {
    become(await take(api.POST('/api/v1/auth/login', { body: { name, password } })));
  },
  async logOut(): Promise<void> {
    await take(api.POST('/api/v1/auth/logout'));
    become(null);
  },
  /** Changes the language here, and in what is kept of the user. */
  async speak(next: Language): Promise<void> {
    language.set(next);
    if (me) await take(api.PATCH('/api/v1/auth/me', { body: { language: next } }));
  },
};
