/** Keys of the review page: one table for what they do and for the sheet that tells of them. */

import { texts } from '../../lib/language.svelte';

export type Command =
  | 'confirm' | 'reject' | 'skip' | 'undo' | 'edit' | 'kind' | 'next' | 'previous'
  | 'mark' | 'alike' | 'remark' | 'list' | 'help' | 'close';

const KEYS: Record<string, Command> = {
  Enter: 'confirm', c: 'confirm', r: 'reject', s: 'skip', u: 'undo', e: 'edit', k: 'kind',
  ArrowRight: 'next', ArrowLeft: 'previous', x: 'mark', l: 'alike', t: 'remark', q: 'list',
  '?': 'help', Escape: 'close',
};
/** Keys that choose from a numbered list. */
export const DIGITS = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '0', '-', '='] as const;

const t = texts({
  decide: ['审核', 'Decide'],
  confirm: ['确认', 'Confirm'],
  reject: ['排除，再按数字选原因', 'Reject, then a digit for the reason'],
  skip: ['跳过，留给他人', 'Skip: leave it to others'],
  undo: ['撤销上一步（10 分钟内）', 'Undo the last step (for 10 minutes)'],
  edit: ['修改轮廓或框', 'Edit the outline or box'],
  kind: ['更改类别', 'Change the kind'],
  remark: ['写备注', 'Write a remark'],
  move: ['浏览', 'Move'],
  arrows: ['上一个、下一个', 'Previous and next'],
  list: ['队列列表', 'List of the queue'],
  mark: ['标记以批量处理', 'Mark for one decision on many'],
  alike: ['标记相似的发现', 'Mark what looks alike'],
  look: ['查看', 'Look'],
  blink: ['前后期闪烁对比', 'Blink before and after'],
  views: ['切换视图或图片', 'Views or pictures'],
  zoom: ['缩放', 'Zoom'],
  close: ['关闭、取消编辑', 'Close, give up an edit'],
  help: ['本说明', 'This sheet'],
});

/** What a key asks for; none where it is typed into something or is nobody's. */
export function commandOf(event: KeyboardEvent): Command | null {
  const target = event.target as HTMLElement | null;
  const typing = target?.closest('input:not([type=checkbox], [type=radio], [type=range]), textarea, select, [contenteditable]');
  if (typing) return event.key === 'Escape' ? 'close' : null;
  if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
    return event.key.toLowerCase() === 'z' ? 'undo' : null;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  // What a focused control does by Enter stays its own.
  if (event.key === 'Enter' && target?.closest('button, a, summary, input, video')) return null;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  return KEYS[key] ?? null;
}

/** The help sheet's lines. */
export const SHEET = (): { title: string; lines: { keys: string[]; text: string }[] }[] => [
  {
    title: t.decide,
    lines: [
      { keys: ['Enter', 'C'], text: t.confirm },
      { keys: ['R', '1 … 0'], text: t.reject },
      { keys: ['S'], text: t.skip },
      { keys: ['U', 'Ctrl Z'], text: t.undo },
      { keys: ['E'], text: t.edit },
      { keys: ['K', '1 … 4'], text: t.kind },
      { keys: ['T'], text: t.remark },
      { keys: ['Esc'], text: t.close },
    ],
  },
  {
    title: t.move,
    lines: [
      { keys: ['←', '→'], text: t.arrows },
      { keys: ['Q'], text: t.list },
      { keys: ['X'], text: t.mark },
      { keys: ['L'], text: t.alike },
    ],
  },
  {
    title: t.look,
    lines: [
      { keys: ['B'], text: t.blink },
      { keys: ['1', '2', '3'], text: t.views },
      { keys: ['+', '−'], text: t.zoom },
      { keys: ['?'], text: t.help },
    ],
  },
];
