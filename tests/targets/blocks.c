/* Blocks to be looked up by their addresses, and addresses that are in none. */

#include <stdlib.h>
#include <string.h>

struct item {
  long id;
  char name[24];
};

long table[4] = {1, 2, 3, 4};
static const char greeting[] = "hello";
static __thread long own = 5;

struct item* items[3];
char* text;
char* none;
char zeros[100000];
long seen;

static struct item* make(long id) {
  struct item* item = malloc(sizeof *item);  // site: item
  item->id = id;
  strcpy(item->name, "item");
  return item;
}

static void fill(void) {
  for (long i = 0; i < 3; ++i) {
    items[i] = make(i);  // site: make
  }
  text = malloc(100);  // site: text
  strcpy(text, "some text");
}

static void look(const void* on_stack, const long* of_thread) {
  const long sum = *(const long*)on_stack + *of_thread;
  seen = sum + greeting[0];  // site: look
}

int main(void) {
  fill();
  long local = 7;
  look(&local, &own);
  text = realloc(text, 20000);  // site: realloc
  look(&local, &own);
  for (int i = 0; i < 3; ++i) {
    free(items[i]);
  }
  free(text);
  return 0;
}
