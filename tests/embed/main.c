#include <pynn/pynn.h>
#include <stdio.h>

int main(void) {
  const float a[3] = {1, 2, 3}, b[3] = {10, 20, 30};
  float sum[3];
  if (pynn_binary_f32(PYNN_ADD, 3, a, b, 0, 0, sum) != PYNN_OK) {
    printf("%s\n", pynn_last_error());
    return 1;
  }
  printf("pynn %s: %g %g %g\n", pynn_version(), sum[0], sum[1], sum[2]);
  return 0;
}
