/** Voters for so many members: an even number, and two, would bear no more losses than one less. */
export const votersFor = (members: number): number => {
  if (members < 3) return 1;
  return members < 5 ? 3 : 5;
};
