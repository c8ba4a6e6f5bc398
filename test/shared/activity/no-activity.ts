/** For tests that are not about what is told of a mailbox. */
export const noActivity = { note: async () => {}, forget: async () => {} };
