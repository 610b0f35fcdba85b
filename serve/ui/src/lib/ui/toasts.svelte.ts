/** Short messages at the edge of the page. */

export type Tone = 'good' | 'bad' | 'plain';
export interface Toast {
  id: number;
  text: string;
  tone: Tone;
  action?: { label: string; run: () => void };
}

const SHOWN_MS = 6_000;
let shown = $state<Toast[]>([]);
let last = 0;

export const toasts = {
  get shown(): Toast[] {
    return shown;
  },
  /** Shows a message. What went wrong stays until it is closed. */
  show(text: string, tone: Tone = 'plain', action?: Toast['action']): number {
    const id = ++last;
    shown = [...shown.slice(-3), { id, text, tone, ...(action ? { action } : {}) }];
    if (tone !== 'bad') setTimeout(() => toasts.close(id), SHOWN_MS);
    return id;
  },
  close(id: number): void {
    shown = shown.filter((toast) => toast.id !== id);
  },
};
