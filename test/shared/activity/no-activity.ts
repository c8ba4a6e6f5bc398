import type { Activity } from "../../../shared/activity/activity.ts";

/** For tests that are not about what is told of a mailbox. */
export const noActivity: Activity = {
  note: async () => {},
  list: async () => [],
  mailPerHour: async () => ({ hours: [], total: [], byMailbox: new Map() }),
  purge: async () => 0,
  forget: async () => {},
};
