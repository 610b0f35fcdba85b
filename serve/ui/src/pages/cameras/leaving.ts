/** Asks before a page with unsaved changes is closed. */

import { onMount } from 'svelte';

/** Call it while a component is made. */
export function leaving(changed: () => boolean): void {
  onMount(() => {
    const ask = (event: BeforeUnloadEvent) => {
      if (changed()) event.preventDefault();
    };
    addEventListener('beforeunload', ask);
    return () => removeEventListener('beforeunload', ask);
  });
}
