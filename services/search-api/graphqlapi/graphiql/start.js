'use strict';
// GraphiQL over this service's own GraphQL. The cookie of the page at / is the token.

const first = `# Every moment that matches, at its exact frame. Ctrl+Enter asks; the book on the left is the schema.
query Moments {
  search(q: "dialogue:hello", limit: 10) {
    noGoodMatch
    hits {
      titleName
      startTimecode
      endTimecode
      text
      language
      thumbnail
      evidence { algorithm by rank label }
    }
  }
}
`;

const { createElement: e } = React;
ReactDOM.createRoot(document.getElementById('graphiql')).render(
  e(GraphiQL, {
    fetcher: GraphiQL.createFetcher({ url: '/graphql' }),
    defaultQuery: first,
    shouldPersistHeaders: false,
    isHeadersEditorEnabled: false,
  }, e(GraphiQL.Logo, null, e('a', { className: 'brand', href: '/' }, 'Cinedex'))),
);
