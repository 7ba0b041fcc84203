/*
 * UTF-8 without TextDecoder: the protocol folder knows ECMAScript and nothing of its surroundings, and percent-encoding is
 * the door to UTF-8 that the language itself has.
 */

/** The text of these octets, or undefined when they are not valid UTF-8. RFC 3629. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  let escaped = "";
  for (const octet of bytes) escaped += `%${octet.toString(16).padStart(2, "0")}`;
  try {
    return decodeURIComponent(escaped);
  } catch {
    return undefined;
  }
}

/** UTF-8 octets of a text; lone surrogates become U+FFFD. RFC 3629. */
export function encodeUtf8(text: string): Uint8Array {
  const escaped = encodeURIComponent(text.toWellFormed());
  const octets: number[] = [];
  for (let i = 0; i < escaped.length; i++) {
    if (escaped[i] === "%") {
      octets.push(Number.parseInt(escaped.slice(i + 1, i + 3), 16));
      i += 2;
    } else octets.push(escaped.charCodeAt(i));
  }
  return Uint8Array.from(octets);
}
