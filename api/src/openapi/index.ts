export { dialectTexts, introduction, openApiDocument } from './document.ts';
export { fieldsOf, toJsonSchema, typeText, isGroup, type Field, type JsonSchema } from './schema-text.ts';
