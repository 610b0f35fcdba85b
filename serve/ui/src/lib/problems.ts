/** What went wrong, told to a person. */

import { ApiError } from './api/client';
import { fill, texts } from './language.svelte';

const t = texts({
  offline: [
    '连接不上服务。请检查网络，所做的修改仍保留在本页。',
    'The service cannot be reached. Check the network; what you changed is still on this page.',
  ],
  signedOut: ['登录已失效，请重新登录。', 'You are not signed in any more. Sign in again.'],
  notAllowed: ['您的角色不能执行此操作。', 'Your role may not do this.'],
  notFound: ['找不到该内容，可能已被删除。', 'This is not there; it may have been deleted.'],
  changed: [
    '内容已被他人修改，请刷新后再试。',
    'Somebody else changed this meanwhile. Load it anew and try again.',
  ],
  tooMany: ['请求过于频繁，请 {s} 秒后再试。', 'Too many requests; try again in {s} s.'],
  failed: ['服务出错了，请稍后再试。', 'The service failed at this. Try again later.'],
});

/** Text and the request's id, under which the service's log tells more. */
export function tell(error: unknown): { text: string; requestId: string | null } {
  if (!(error instanceof ApiError)) return { text: String(error), requestId: null };
  return { text: wording(error), requestId: error.requestId };
}

function wording(error: ApiError): string {
  if (error.status === 0) return t.offline;
  if (error.status === 429) return fill(t.tooMany, { s: error.retryAfterS ?? 60 });
  const general: Record<number, string> = {
    401: t.signedOut, 403: t.notAllowed, 404: t.notFound, 412: t.changed,
  };
  const known = general[error.status] ?? (error.status >= 500 ? t.failed : '');
  // The service's own words are exact, and English; ours come first where there are any.
  return [known, error.detail || (known ? '' : error.title)].filter(Boolean).join(' ');
}
