/** Shows what a handler is told; it protects nothing. */
function echo(request: Request) {
  return Response.json({ headers: [...request.headers] })
}

export { echo as GET, echo as POST }
