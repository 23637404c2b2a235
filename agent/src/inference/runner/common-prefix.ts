/** Number of leading tokens that are equal. @param most not counted beyond */
export const commonPrefix = (
  left: ArrayLike<number>,
  right: ArrayLike<number>,
  most = Math.min(left.length, right.length),
): number => {
  const end = Math.min(left.length, right.length, most);
  let length = 0;
  while (length < end && left[length] === right[length]) length += 1;
  return length;
};
