/** All pages: where they are, what they are called, who sees them. Each is loaded when it is gone to. */

import type { Component } from 'svelte';

import { texts } from '../lib/language.svelte';
import type { IconName } from '../lib/ui/Icon.svelte';

const t = texts({
  review: ['审核', 'Review'],
  map: ['地图', 'Map'],
  surveys: ['航测', 'Surveys'],
  cameras: ['摄像头', 'Cameras'],
  cases: ['案件', 'Cases'],
  dashboard: ['统计', 'Dashboard'],
  admin: ['管理', 'Admin'],
});

export interface Page {
  /** First part of its address; what comes after it is the page's own affair. */
  name: keyof typeof t;
  icon: IconName;
  /** Endpoint that one must be allowed to call to see it. */
  needs: string;
  load: () => Promise<{ default: Component }>;
}

export const PAGES: Page[] = [
  { name: 'review', icon: 'review', needs: 'list_all_findings', load: () => import('./review/Page.svelte') },
  { name: 'map', icon: 'map', needs: 'map_findings', load: () => import('./map/Page.svelte') },
  { name: 'surveys', icon: 'survey', needs: 'list_surveys', load: () => import('./surveys/Page.svelte') },
  { name: 'cameras', icon: 'camera', needs: 'list_cameras', load: () => import('./cameras/Page.svelte') },
  { name: 'cases', icon: 'case', needs: 'list_cases', load: () => import('./cases/Page.svelte') },
  { name: 'dashboard', icon: 'dashboard', needs: 'get_dashboard', load: () => import('./dashboard/Page.svelte') },
  { name: 'admin', icon: 'admin', needs: 'list_tokens', load: () => import('./admin/Page.svelte') },
];

export function titleOf(page: Page): string {
  return t[page.name];
}

/** Where somebody of a role begins. */
export const HOME: Record<string, string> = {
  operator: '/surveys',
  integrator: '/cameras',
  reviewer: '/review',
  supervisor: '/dashboard',
  auditor: '/dashboard',
  admin: '/dashboard',
};
