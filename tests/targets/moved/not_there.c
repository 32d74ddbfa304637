int main(void) {
  void* block = malloc(5);
  finished();
  free(block);
  return 0;
}
