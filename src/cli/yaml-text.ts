import { parse, parseAllDocuments, stringify } from "yaml";

/**
 * A value as YAML. In a file of its own, so that it can be loaded when it is needed: a package in CommonJS that is imported
 * by `import()` itself has no named exports once it is bundled.
 */
export function yamlText(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}

/** The value of one YAML document; throws where it is none. */
export function parseYaml(text: string): unknown {
  return parse(text);
}

/** The values of every document of the text; throws where one is not YAML. */
export function parseYamlDocuments(text: string): readonly unknown[] {
  return parseAllDocuments(text).flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw error;
    return document.contents === null ? [] : [document.toJS()];
  });
}
