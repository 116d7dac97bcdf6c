BsinkJvq¿+ªè?^Ö
¾åÚ?