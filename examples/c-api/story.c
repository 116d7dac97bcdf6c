/* Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
   SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* Goes on with a text, word by word:  story "Once upon a time" 40

   lqc compile ./model --emit=shared -o libmodel.so
   cc story.c -I. -L. -lmodel -Wl,-rpath,'$ORIGIN' -o story

   or, with the weights in a file of their own,

   lqc compile ./model --emit=object -o model.o
   c++ -x c story.c -x none model.o LIB/liblqc_runtime.a -I. -pthread -ldl -lm
   -o story LQC_PAYLOAD=model.payload ./story "Once upon a time" 40 */

#include "libmodel.h" /* model.h for an object file: they are the same */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kMaxTokens = 1024 };

static int fail(void) {
  fprintf(stderr, "story: %s\n", lqc_last_error());
  return 1;
}

/* Prints a token as soon as it is there. */
static int print_token(void *user, int32_t token) {
  char text[256];
  int64_t bytes = lqc_token_text(user, token, text, sizeof(text));
  if (bytes > 0 && bytes <= (int64_t)sizeof(text))
    fwrite(text, 1, (size_t)bytes, stdout);
  return fflush(stdout);
}

int main(int argc, char **argv) {
  const char *prompt = argc > 1 ? argv[1] : NULL;
  const int64_t count = argc > 2 ? atoi(argv[2]) : 100;
  int32_t tokens[kMaxTokens], more[kMaxTokens];
  lqc_open_options options = {0};
  lqc_instance *model;
  int64_t fed;

  if (argc < 2) {
    fputs("usage: story PROMPT [TOKENS]\n", stderr);
    return 1;
  }
  options.payload = getenv("LQC_PAYLOAD"); /* NULL: the library's own file */
  model = lqc_open(&options);
  if (!model)
    return fail();
  fed = lqc_tokenize(model, prompt, strlen(prompt), 1, tokens, kMaxTokens);
  if (fed < 0 || fed > kMaxTokens || count < 0 || count > kMaxTokens)
    return fail();
  fputs(prompt, stdout);
  if (lqc_generate(model, 0, tokens, fed, NULL, more, count, print_token,
                   model) < 0)
    return fail();
  putchar('\n');
  lqc_close(model);
  return 0;
}
