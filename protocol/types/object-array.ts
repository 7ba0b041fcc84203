/**
 * An empty array for objects, of the one kind that never changes. To V8 an empty literal is an array of small integers until something
 * else comes in, and one without gaps until it has some: each is another kind, with another map. Code that was compiled for
 * arrays in use would be thrown away when it meets one that is still empty, as a fresh daemon's are at its first route, although
 * another Speaker of the process has rehearsed it all (ADR 15).
 */
export function objectArray<T extends object | boolean | undefined>(): T[] {
  const array = new Array<T | undefined>(1);
  array[0] = undefined;
  array.length = 0;
  return array as T[];
}
