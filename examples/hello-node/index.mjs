// Greets whoever the query string names: GET /?name=John answers {"message":"Hello, John!"}.

export const handler = async (event) => {
  const name = event.queryStringParameters?.name;
  if (name === undefined) {
    return answer(400, { error: 'The query string has no name: call this address with ?name=John.' });
  }
  if (name.trim() === '') {
    return answer(400, { error: 'The name in the query string is blank.' });
  }
  console.log('greeting', name.trim());
  return answer(200, { message: `Hello, ${name.trim()}!` });
};

const answer = (statusCode, body) => ({
  statusCode,
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(body),
});
