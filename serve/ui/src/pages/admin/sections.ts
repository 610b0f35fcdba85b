/** What the admin page holds, and who sees it. */

import type { Component } from 'svelte';

import { texts } from '../../lib/language.svelte';
import { session } from '../../lib/session.svelte';

const t = texts({
  users: ['用户', 'Users'],
  registers: ['登记库', 'Registers'],
  models: ['模型', 'Models'],
  events: ['事件编码', 'Event table'],
  exports: ['训练集导出', 'Exports'],
  audit: ['审计日志', 'Audit log'],
  tokens: ['访问令牌', 'Tokens'],
  sessions: ['登录会话', 'Sessions'],
});

export interface Section {
  name: keyof typeof t;
  needs: string;
  load: () => Promise<{ default: Component }>;
}

const ALL: Section[] = [
  { name: 'users', needs: 'list_users', load: () => import('./Users.svelte') },
  { name: 'registers', needs: 'list_registers', load: () => import('./registers/Registers.svelte') },
  { name: 'models', needs: 'list_models', load: () => import('./Models.svelte') },
  { name: 'events', needs: 'get_event_table', load: () => import('./Events.svelte') },
  { name: 'exports', needs: 'list_exports', load: () => import('./Exports.svelte') },
  { name: 'audit', needs: 'list_entries', load: () => import('./Audit.svelte') },
  { name: 'tokens', needs: 'list_tokens', load: () => import('./Tokens.svelte') },
  { name: 'sessions', needs: 'list_sessions', load: () => import('./Sessions.svelte') },
];

/** The sections that the one signed in may see. */
export const mySections = (): Section[] => ALL.filter((each) => session.may(each.needs));
export const nameOf = (section: Section): string => t[section.name];
