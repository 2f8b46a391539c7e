// The build replaces an operation by its hash.
declare module '*.graphql' {
  const hash: string;
  export default hash;
}
declare module '*.css';
