/** Errors of Node itself are of another realm than those of a test, so that instanceof would not do. */
const isError = (thrown: unknown): thrown is Error =>
  typeof thrown === 'object' && thrown !== null && 'name' in thrown && 'message' in thrown;

/** @returns the error that a call fails with, or one that says that it was answered */
export const rejection = async (call: PromiseLike<unknown>): Promise<Error> => {
  try {
    await call;
  } catch (error) {
    if (isError(error)) return error;
    throw error;
  }
  return new Error('it was answered');
};
