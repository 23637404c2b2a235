/** Most megabytes that an agent with nothing to do and without a model may keep in memory. */
export const idleLimitMB = 200;
