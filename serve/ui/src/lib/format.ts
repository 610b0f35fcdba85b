/** Numbers, sizes and times as people read them, in the language of now. */

import { language } from './language.svelte';

const MADE = new Map<string, Intl.DateTimeFormat | Intl.NumberFormat>();

function dates(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = language.tag + JSON.stringify(options);
  let made = MADE.get(key) as Intl.DateTimeFormat | undefined;
  if (!made) MADE.set(key, (made = new Intl.DateTimeFormat(language.tag, options)));
  return made;
}

/** `2026-11-28 14:05:09`, in the browser's time zone. */
export function dateTime(at: string): string {
  return dates({
    year: 'numeric', month: '2-digit', day: '2-digit',
    hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false,
  }).format(new Date(at));
}

export function day(at: string): string {
  return dates({ year: 'numeric', month: '2-digit', day: '2-digit' }).format(new Date(at));
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400], ['hour', 3_600], ['minute', 60], ['second', 1],
];

/** "5 minutes ago". */
export function sinceThen(at: string): string {
  const seconds = (new Date(at).getTime() - Date.now()) / 1000;
  const written = new Intl.RelativeTimeFormat(language.tag, { numeric: 'auto' });
  for (const [unit, length] of STEPS) {
    if (Math.abs(seconds) >= length) return written.format(Math.round(seconds / length), unit);
  }
  return written.format(0, 'second');
}

/** A number with at most so many digits after the point. */
export function number(value: number, digits = 0): string {
  const key = `${language.tag}${digits}`;
  let made = MADE.get(key) as Intl.NumberFormat | undefined;
  if (!made) {
    made = new Intl.NumberFormat(language.tag, { maximumFractionDigits: digits });
    MADE.set(key, made);
  }
  return made.format(value);
}

/** A share of one as per cent. */
export function percent(share: number, digits = 0): string {
  return `${number(share * 100, digits)} %`;
}

export function bytes(size: number): string {
  if (size < 1_000) return `${size} B`;
  for (const [unit, length] of [['kB', 1e3], ['MB', 1e6], ['GB', 1e9]] as const) {
    if (size < length * 1_000) return `${number(size / length, 1)} ${unit}`;
  }
  return `${number(size / 1e12, 2)} TB`;
}

/** Seconds as `1:02:03` or `2:05`. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  const two = (value: number) => String(value).padStart(2, '0');
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
