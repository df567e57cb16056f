import * as z from 'zod/mini';
import { chartSchema } from '../webviewKit/chartShape.ts';
import { failureSchema, readyMessage, runMessage } from '../webviewKit/protocol.ts';

/** An amount in USD, for drawing and formatted for display. */
const amount = z.object({ usd: z.number(), text: z.string() });

const forecast = z.object({
  amount,
  /** How it is calculated, and from what. */
  method: z.string(),
});

const breakdownRow = z.object({
  name: z.string(),
  /** The full name, where `name` is shortened. */
  title: z.string(),
  calls: z.string(),
  tokens: z.string(),
  spent: amount,
  /** Share of today's spending, 0 to 1. */
  share: z.number(),
  shareText: z.string(),
  lately: amount,
  /** The seven days before today against the seven before those; unknown where they can't be compared. */
  trend: z.object({
    direction: z.enum(['up', 'down', 'level', 'new', 'none', 'unknown']),
    text: z.string(),
  }),
});

const cap = z.object({
  scope: z.string(),
  name: z.string(),
  title: z.string(),
  limit: amount,
  spent: amount,
  reserved: amount,
  left: amount,
  /** The used share, 0 to 1. */
  share: z.number(),
  /** Who set the cap, when and why. */
  owner: z.string(),
  change: z.string(),
});

export const budgetSchema = z.object({
  /** The day, the month and their time zone. */
  day: z.string(),
  month: z.string(),
  zone: z.string(),
  resets: z.string(),
  simulated: z.boolean(),
  level: z.enum(['ok', 'warning', 'critical', 'exceeded']),
  levelText: z.string(),
  spent: amount,
  reserved: amount,
  left: amount,
  limit: amount,
  forecast: z.nullable(forecast),
  /** Calls that cost more than they reserved; they block all calls until someone acknowledges them. */
  overruns: z.number(),
  alerts: z.array(z.object({ text: z.string(), when: z.string(), level: z.enum(['warning', 'critical']) })),
  /** A stacked chart. */
  hours: chartSchema,
  days: chartSchema,
  monthSpent: amount,
  monthForecast: z.nullable(forecast),
  breakdowns: z.array(z.object({ name: z.string(), column: z.string(), rows: z.array(breakdownRow) })),
  caps: z.array(cap),
});

/** From the extension to the view. */
export const hostMessageSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('budget'), budget: budgetSchema }),
  /** The journal is being read: 0 to 1. */
  z.object({ type: z.literal('reading'), share: z.number() }),
  z.object({ type: z.literal('failed'), failure: failureSchema }),
]);

/** From the view to the extension. */
export const viewMessageSchema = z.discriminatedUnion('type', [
  readyMessage,
  /** The index of a cap in the list. */
  z.object({ type: z.literal('raiseCap'), index: z.number() }),
  z.object({ type: z.literal('acknowledge') }),
  z.object({ type: z.literal('exportCsv') }),
  /** The image as base64. */
  z.object({ type: z.literal('exportPng'), data: z.string() }),
  runMessage(['tidyllm.refreshHealth', 'tidyllm.openChat', 'tidyllm.setDailyLimit']),
]);

export type Amount = z.infer<typeof amount>;
export type Forecast = z.infer<typeof forecast>;
export type BreakdownRow = z.infer<typeof breakdownRow>;
export type CapRow = z.infer<typeof cap>;
export type Budget = z.infer<typeof budgetSchema>;
export type HostMessage = z.infer<typeof hostMessageSchema>;
export type ViewMessage = z.infer<typeof viewMessageSchema>;
