// What only Go's text/template has: fields with a leading dot, variables with "$", and its keywords after "{{".
const goAction =
  /\{\{-?\s*(?:\.|\$|(?:if|else|end|range|with|define|block|template|break|continue|json|len|slice|index|eq|ne|and|or|not|printf)\b)/;

/** Whether a chat template is one of Go's text/template, as Modelfiles have them, and not one in Jinja. */
export const isGoTemplate = (template: string): boolean =>
  !template.includes('{%') && goAction.test(template);
