/** What cases and messages are called, and how good or bad that is. */

import { fill, texts } from '../../lib/language.svelte';
import type { Schemas } from '../../lib/api/client';
import type { BadgeTone } from '../../lib/ui/Badge.svelte';
import { caseState } from '../../lib/words';

/** What a case goes through when all goes well, in order. */
export const COURSE = [
  'drafted', 'delivered', 'filed', 'dispatched', 'handling', 'reported', 'verified', 'closed',
] as const;
/** In these states nothing more happens. */
export const ENDED: readonly string[] = ['closed', 'refused', 'withdrawn'];

const TONES: Record<string, BadgeTone> = {
  drafted: 'plain', dead: 'bad', closed: 'good', refused: 'warn', withdrawn: 'plain',
};
export const caseTone = (state: string): BadgeTone => TONES[state] ?? 'accent';

const MESSAGES = texts({
  waiting: ['等待发送', 'Waiting'],
  delivered: ['已送达', 'Delivered'],
  dead: ['发送失败', 'Given up'],
  cancelled: ['已取消', 'Cancelled'],
});
const MESSAGE_TONES: Record<string, BadgeTone> = { delivered: 'good', dead: 'bad', waiting: 'accent' };
export const messageState = (state: string): string =>
  (MESSAGES as Record<string, string>)[state] ?? state;
export const messageTone = (state: string): BadgeTone => MESSAGE_TONES[state] ?? 'plain';

const ACTIONS = texts({
  post: ['报送案件', 'Posts the case'],
  withdraw: ['撤回案件', 'Withdraws the case'],
});
export const actionName = (action: string): string =>
  (ACTIONS as Record<string, string>)[action] ?? action;

const ORIGINS = texts({
  us: ['城眼', 'CityEye'],
  delivery: ['报送过程', 'Delivery'],
  callback: ['案件系统回传', 'Case system, by callback'],
  poll: ['向案件系统查询', 'Case system, when asked'],
});
export const originName = (origin: string): string =>
  (ORIGINS as Record<string, string>)[origin] ?? origin;

const NOTES = texts({
  replay: ['第 {n} 次重新报送', 'Sent again, for the {n}. time'],
  number: ['案件编号 {id}', 'numbered {id}'],
  word: ['对方用语：“{word}”', 'in its own words: “{word}”'],
  back: ['对方更正，案件退回', 'a correction: the case went back'],
  kept: ['未改变案件状态', 'did not move the case'],
  why: ['原因：{text}', 'why: {text}'],
  untold: ['此前尚未发送，无需告知对方', 'nothing had been sent, so nobody need be told'],
  byHand: [
    '对方接口无法接收撤回，请人工告知案件系统',
    'the case system takes no withdrawals by its interface: tell it by hand',
  ],
});

const ENTRIES = texts({
  delivered: ['撤回已送达', 'Withdrawal delivered'],
  dead: ['撤回报送失败', 'Withdrawal not deliverable'],
  unknown: ['未知状态', 'A state not known here'],
  drafted: ['已生成案件', 'Drafted'],
  again: ['再次排队报送', 'Waits to be sent again'],
});

/** What an entry in a case's timeline is called. */
export function entryName(entry: Schemas['TimelineEntry']): string {
  if (entry.detail.action === 'withdraw') {
    if (entry.state === 'delivered') return ENTRIES.delivered;
    if (entry.state === 'dead') return ENTRIES.dead;
  }
  if (entry.state === 'drafted') return entry.detail.replay ? ENTRIES.again : ENTRIES.drafted;
  return entry.state === 'unknown' ? ENTRIES.unknown : caseState(entry.state);
}

/** What is worth knowing of an entry in a case's timeline, line by line. */
export function notesOf(entry: Schemas['TimelineEntry']): string[] {
  const { detail, origin, state } = entry;
  const text = (name: string) =>
    typeof detail[name] === 'string' && detail[name] ? (detail[name] as string) : null;
  const lines: string[] = [];
  if (typeof detail.replay === 'number') lines.push(fill(NOTES.replay, { n: detail.replay }));
  const number = text('external_id');
  if (number && origin === 'delivery') lines.push(fill(NOTES.number, { id: number }));
  const word = text('word');
  if (word && word !== state) lines.push(fill(NOTES.word, { word }));
  if (detail.correction === true) lines.push(NOTES.back);
  if (detail.moved === false) lines.push(NOTES.kept);
  const why = text('why');
  if (why) lines.push(fill(NOTES.why, { text: why }));
  const told = text('told');
  if (told) lines.push(told.startsWith('nothing') ? NOTES.untold : NOTES.byHand);
  for (const name of ['problem', 'note']) {
    const said = text(name);
    if (said) lines.push(said);
  }
  return lines;
}
