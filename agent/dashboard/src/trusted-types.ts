interface TrustedTypes {
  createPolicy(name: string, rules: { readonly createHTML: (text: string) => string }): unknown;
}

/**
 * The component library fills style elements through innerHTML, which the content security policy guards.
 * Style sheets need no markup: anything that could become an element is refused.
 */
const allowStyleSheetsOnly = (): void => {
  const { trustedTypes } = globalThis as { readonly trustedTypes?: TrustedTypes };
  trustedTypes?.createPolicy('default', {
    createHTML: (text) => {
      if (text.includes('<')) throw new TypeError('markup is not allowed here');
      return text;
    },
  });
};

allowStyleSheetsOnly();
