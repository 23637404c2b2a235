export { dialectTexts, introduction, openApiDocument } from './document.ts';
export { fieldsOf, toJsonSchema, typeText, isGroup, type Field } from './schema-text.ts';
